/* A static program for images FROM scratch. Each argument is an instruction, done in order:
 * out=TEXT, err=TEXT, exit=N, listen=PORT, touch=MIB, flood=MIB, write=PATH, child, id, wait. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void listen_on(int port) {
    int one = 1, s = socket(AF_INET, SOCK_STREAM, 0), c;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (void *)&at, sizeof at) || listen(s, 16)) {
        fprintf(stderr, "listen: %s\n", strerror(errno));
        exit(1);
    }
    while ((c = accept(s, 0, 0)) >= 0) {
        char request[4096];
        static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        if (read(c, request, sizeof request) > 0 && write(c, reply, sizeof reply - 1) < 0) exit(2);
        close(c);
    }
}

int main(int argc, char **argv) {
    setvbuf(stdout, 0, _IONBF, 0);
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        const char *verb = argv[i];
        if (value) *value++ = 0;
        if (!strcmp(verb, "out")) printf("%s\n", value);
        if (!strcmp(verb, "err")) fprintf(stderr, "%s\n", value);
        if (!strcmp(verb, "exit")) return atoi(value);
        if (!strcmp(verb, "listen")) listen_on(atoi(value));
        if (!strcmp(verb, "touch")) {
            size_t size = (size_t)atoi(value) << 20;
            char *area = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            for (size_t at = 0; at < size; at += 4096) area[at] = 1;
        }
        if (!strcmp(verb, "flood"))
            for (int line = 0; line < atoi(value) << 14; line++)
                printf("%063d\n", line);
        if (!strcmp(verb, "write")) {
            int file = open(value, O_WRONLY | O_CREAT, 0600);
            printf("write %s: %s\n", value, file < 0 ? strerror(errno) : "done");
        }
        if (!strcmp(verb, "child") && !fork())
            for (;;) pause();
        if (!strcmp(verb, "id")) {
            char folder[4096];
            const char *greeting = getenv("GREETING");
            printf("uid=%d cwd=%s greeting=%s\n", getuid(), getcwd(folder, sizeof folder),
                   greeting ? greeting : "");
        }
        if (!strcmp(verb, "wait"))
            for (;;) pause();
    }
    return 0;
}
