/* `dns refuse ADDRESS` refuses every question that comes to ADDRESS.
 *
 * `dns ask ADDRESS NAME...` asks there for the addresses of each name in turn, for ever, and prints whenever a name is
 * answered otherwise than before: the milliseconds of CLOCK_BOOTTIME, the name, and how. Where it could not run for a
 * second, it says so. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 512, NAMES = 32, WAIT_MICROSECONDS = 100000, PAUSE_MICROSECONDS = 2000 };

static struct sockaddr_in port_53(const char *address) {
    struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(53)};
    inet_pton(AF_INET, address, &port.sin_addr);
    return port;
}

static int refuse(int socket, struct sockaddr_in *at) {
    unsigned char message[LARGEST];
    if (bind(socket, (struct sockaddr *)at, sizeof *at)) {
        perror("bind");
        return 1;
    }
    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        ssize_t octets = recvfrom(socket, message, sizeof message, 0, (struct sockaddr *)&from, &size);
        if (octets < 12)
            continue;
        message[2] |= 0x80;
        message[3] = 5;
        sendto(socket, message, octets, 0, (struct sockaddr *)&from, size);
    }
}

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

static size_t write_question(unsigned char *message, unsigned id, const char *name) {
    unsigned char head[12] = {id >> 8, id, 1, 0, 0, 1};
    memcpy(message, head, sizeof head);
    size_t at = sizeof head;
    while (*name) {
        size_t label = strcspn(name, ".");
        message[at++] = label;
        memcpy(message + at, name, label);
        at += label;
        name += label + (name[label] == '.');
    }
    memcpy(message + at, "\0\0\1\0\1", 5);
    return at + 5;
}

/* The refusals are those of the DNS service; everything else the kernel has answered. */
static const char *ask_once(int socket, unsigned id, const char *name) {
    unsigned char message[LARGEST];
    send(socket, message, write_question(message, id, name), 0);
    for (;;) {
        ssize_t octets = recv(socket, message, sizeof message, 0);
        if (octets < 0)
            return "lost";
        if (octets < 12 || message[0] != (id >> 8 & 0xff) || message[1] != (id & 0xff))
            continue;
        switch (message[3] & 15) {
        case 0:
            return message[7] ? "answered" : "empty";
        case 3:
            return "denied";
        case 5:
            return "passed";
        default:
            return "broken";
        }
    }
}

static int ask(int socket, struct sockaddr_in *at, int names, char **name) {
    const char *before[NAMES] = {0};
    struct timeval limit = {.tv_usec = WAIT_MICROSECONDS};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (names > NAMES || connect(socket, (struct sockaddr *)at, sizeof *at)) {
        perror("connect");
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    long last = milliseconds();
    for (unsigned id = 0;; id++) {
        for (int number = 0; number < names; number++) {
            const char *how = ask_once(socket, id * names + number, name[number]);
            long now = milliseconds();
            int woke = now - last > 1000;
            last = now;
            if (woke) {
                /* What has just been read may be older. */
                printf("%ld - woke\n", now);
                memset(before, 0, sizeof before);
                continue;
            }
            if (before[number] != how)
                printf("%ld %s %s\n", now, name[number], how);
            before[number] = how;
            usleep(PAUSE_MICROSECONDS);
        }
    }
}

int main(int count, char **words) {
    if (count < 3)
        return 2;
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in at = port_53(words[2]);
    return strcmp(words[1], "refuse") ? ask(udp, &at, count - 3, words + 3) : refuse(udp, &at);
}
