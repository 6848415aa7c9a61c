/* What `getent ahosts NAME` and `getent hosts ADDRESS` do, by the C library that this is compiled with: musl has no
 * getent of its own. Like glibc's it ends with 2 when nothing is found. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* The addresses of a name, one a line, in the library's order, each followed by the name. */
static int addresses_of(const char *name) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *first;
    int code = getaddrinfo(name, NULL, &hints, &first);
    if (code) {
        fprintf(stderr, "%s: %s\n", name, gai_strerror(code));
        return 2;
    }
    for (struct addrinfo *one = first; one; one = one->ai_next) {
        char text[NI_MAXHOST];
        if (!getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST))
            printf("%-15s STREAM %s\n", text, name);
    }
    freeaddrinfo(first);
    return 0;
}

/* The name of an address. */
static int name_of(const char *text) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr *address = (struct sockaddr *)&v4;
    socklen_t length = sizeof v4;
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        address = (struct sockaddr *)&v6;
        length = sizeof v6;
    } else if (inet_pton(AF_INET, text, &v4.sin_addr) != 1) {
        return addresses_of(text);
    }
    char name[NI_MAXHOST];
    int code = getnameinfo(address, length, name, sizeof name, NULL, 0, NI_NAMEREQD);
    if (code) {
        fprintf(stderr, "%s: %s\n", text, gai_strerror(code));
        return 2;
    }
    printf("%-15s %s\n", text, name);
    return 0;
}

int main(int count, char **words) {
    if (count == 3 && !strcmp(words[1], "ahosts"))
        return addresses_of(words[2]);
    if (count == 3 && !strcmp(words[1], "hosts"))
        return name_of(words[2]);
    fprintf(stderr, "usage: getent ahosts NAME | getent hosts ADDRESS\n");
    return 1;
}
