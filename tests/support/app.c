/* A static program for images FROM scratch. Each argument is an instruction, done in order:
 * out=TEXT, err=TEXT, exit=N, answer=TEXT (instead of hello), answers=N (then it ends with 7), listen=PORT, listen6=PORT (on ::1 alone), touch=MIB, flood=MIB,
 * write=PATH, child, id, wait, tcp=ADDRESS-PORT, udp=ADDRESS-PORT, unix=HEX (of a name): says
 * "reached" where something answers there, or takes what is sent to it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ADDRESS-PORT as a socket's address; its length. */
static socklen_t address_of(char *text, struct sockaddr_storage *to) {
    struct sockaddr_in *v4 = (void *)to;
    struct sockaddr_in6 *v6 = (void *)to;
    char *port = strrchr(text, '-');
    *port++ = 0;
    memset(to, 0, sizeof *to);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(atoi(port));
        return sizeof *v4;
    }
    inet_pton(AF_INET6, text, &v6->sin6_addr);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(atoi(port));
    return sizeof *v6;
}

static void reach(const char *what, char *value) {
    char said[64];
    struct sockaddr_storage at;
    struct sockaddr_un *local = (void *)&at;
    int type = strcmp(what, "udp") ? SOCK_STREAM : SOCK_DGRAM;
    socklen_t length;
    if (!strcmp(what, "unix")) {
        unsigned byte;
        memset(&at, 0, sizeof at);
        local->sun_family = AF_UNIX;
        for (length = 0; sscanf(value + 2 * length, "%2x", &byte) == 1; length++)
            local->sun_path[length] = byte;
        length += sizeof local->sun_family;
    } else {
        length = address_of(strdup(value), &at);
    }
    int s = socket(at.ss_family, type | SOCK_NONBLOCK, 0);
    struct pollfd waits = {.fd = s, .events = POLLOUT};
    int failed = connect(s, (void *)&at, length);
    if (failed && errno == EINPROGRESS && poll(&waits, 1, 300) == 1) {
        socklen_t size = sizeof failed;
        getsockopt(s, SOL_SOCKET, SO_ERROR, &failed, &size);
    }
    /* That nobody is there comes back as an error of a later call. */
    waits.events = POLLIN;
    for (int turn = 0; type == SOCK_DGRAM && turn < 2 && !failed; turn++) {
        failed = send(s, "?", 1, 0) < 0;
        if (!failed && poll(&waits, 1, 20) == 1) failed = recv(s, said, sizeof said, 0) < 0;
    }
    if (!failed) printf("reached %s=%s\n", what, value);
    close(s);
}

static const char *answered = "hello";
static int answers = -1;

static void listen_on(int family, int port) {
    int one = 1, s = socket(family, SOCK_STREAM, 0), c;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *at = family == AF_INET ? (void *)&v4 : (void *)&v6;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, at, family == AF_INET ? sizeof v4 : sizeof v6) || listen(s, 16)) {
        fprintf(stderr, "listen: %s\n", strerror(errno));
        exit(1);
    }
    while ((c = accept(s, 0, 0)) >= 0) {
        char request[4096], reply[4096];
        int size = snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen(answered), answered);
        if (read(c, request, sizeof request) > 0 && write(c, reply, size) < 0) exit(2);
        close(c);
        if (!--answers) exit(7);
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
        if (!strcmp(verb, "answer")) answered = value;
        if (!strcmp(verb, "answers")) answers = atoi(value);
        if (!strcmp(verb, "listen")) listen_on(AF_INET, atoi(value));
        if (!strcmp(verb, "listen6")) listen_on(AF_INET6, atoi(value));
        if (!strcmp(verb, "tcp") || !strcmp(verb, "udp") || !strcmp(verb, "unix")) reach(verb, value);
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
