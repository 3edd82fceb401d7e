/* Says the first address of each name that it is given, and whether /etc/hosts can be written to. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    int file = open("/etc/hosts", O_WRONLY);
    printf("write: %s\n", file < 0 ? strerror(errno) : "done");
    for (int i = 1; i < argc; i++) {
        char text[INET6_ADDRSTRLEN];
        struct hostent *found = gethostbyname2(argv[i], AF_INET);
        if (!found) found = gethostbyname2(argv[i], AF_INET6);
        if (found) inet_ntop(found->h_addrtype, found->h_addr_list[0], text, sizeof text);
        printf("%s: %s\n", argv[i], found ? text : "unknown");
    }
    return 0;
}
