/* Looks names up one after the other, and says of each whether it was found. */
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int count, char **words) {
    for (int at = 1; at < count; at++) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = 0;
        int code = getaddrinfo(words[at], 0, &hints, &found);
        printf("%s %s\n", words[at], code ? gai_strerror(code) : "found");
        if (found)
            freeaddrinfo(found);
    }
    return 0;
}
