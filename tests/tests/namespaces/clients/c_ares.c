/* Looks names up one after the other, and says of each whether it was found. */
#include <ares.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/select.h>

static void done(void *name, int status, int timeouts, struct ares_addrinfo *found) {
    printf("%s %s\n", (char *)name, status ? ares_strerror(status) : "found");
    if (found)
        ares_freeaddrinfo(found);
}

int main(int count, char **words) {
    ares_channel channel;
    if (ares_library_init(ARES_LIB_INIT_ALL) || ares_init(&channel))
        return 1;
    for (int at = 1; at < count; at++) {
        struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC};
        ares_getaddrinfo(channel, words[at], 0, &hints, done, words[at]);
        for (;;) {
            fd_set readers, writers;
            struct timeval pause;
            FD_ZERO(&readers);
            FD_ZERO(&writers);
            int sockets = ares_fds(channel, &readers, &writers);
            if (!sockets)
                break;
            select(sockets, &readers, &writers, 0, ares_timeout(channel, 0, &pause));
            ares_process(channel, &readers, &writers);
        }
    }
    return 0;
}
