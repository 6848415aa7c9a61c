/* Calls getaddrinfo(NAME) over and over for so many milliseconds, and prints the time of each call in nanoseconds, one a
 * line. It is compiled with each C library whose resolver is measured. Neither keeps what it has found out. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

/* More calls than fit into any run. */
#define CALLS_MAX 1000000

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int count, char **words) {
    if (count != 3) {
        fprintf(stderr, "usage: walk NAME MILLISECONDS\n");
        return 1;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    long long *times = malloc(CALLS_MAX * sizeof *times);
    if (!times) {
        fprintf(stderr, "walk: no memory\n");
        return 1;
    }
    int calls = 0;
    long long end = now() + atoll(words[2]) * 1000000;
    for (long long before = now(); before < end && calls < CALLS_MAX; before = now()) {
        struct addrinfo *first;
        int code = getaddrinfo(words[1], NULL, &hints, &first);
        times[calls++] = now() - before;
        if (code) {
            fprintf(stderr, "%s: %s\n", words[1], gai_strerror(code));
            return 1;
        }
        freeaddrinfo(first);
    }
    for (int call = 0; call < calls; call++)
        printf("%lld\n", times[call]);
    return 0;
}
