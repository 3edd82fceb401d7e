/* A static program that can be a companion, its client and an app beside it. Each argument is an
 * instruction, done in order: out=TEXT, exit=N, wait,
 * once=FILE: exits with 7 and makes the file, unless it is there;
 * keep=PORT: keeps one text for whoever connects: "?" asks for it, "!" has it end with status 3,
 *   "~" has it burn 200 ms of CPU time, "+" has a child of it take memory until it is killed,
 *   anything else is kept in its place;
 * put=PORT: gives it what is read from stdin; ask=PORT: prints what it keeps, or exits with 1;
 * serve=PORT: an app: GET answers with what db:5432 keeps, GET /X sends it X first. */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char kept[65536];
static size_t size;

static int listening(int port) {
    int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (void *)&at, sizeof at) || listen(s, 64)) {
        perror("listen");
        exit(1);
    }
    return s;
}

static void keep(int port) {
    static char got[65536];
    int s = listening(port), c;
    while ((c = accept(s, 0, 0)) >= 0) {
        ssize_t length = read(c, got, sizeof got);
        if (length == 1 && *got == '!') exit(3);
        if (length == 1 && *got == '~')
            for (clock_t until = clock() + CLOCKS_PER_SEC / 5; clock() < until;) continue;
        else if (length == 1 && *got == '+') {
            if (!fork())
                for (char *more; (more = malloc(1 << 20)); memset(more, 1, 1 << 20)) continue;
            wait(NULL);
        } else if (length > 0 && !(length == 1 && *got == '?'))
            memcpy(kept, got, size = (size_t)length);
        if (write(c, kept, size) < 0) exit(2);
        close(c);
    }
}

/* What the keeper answers; -1: nobody is there. */
static ssize_t tell(const char *name, int port, const char *text, size_t length, char *answer) {
    struct hostent *found = gethostbyname(name);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    ssize_t got = -1;
    if (found) memcpy(&at.sin_addr, found->h_addr_list[0], 4);
    if (found && !connect(s, (void *)&at, sizeof at) && write(s, text, length) > 0)
        got = read(s, answer, sizeof kept);
    close(s);
    return got;
}

static void serve(int port) {
    static char answer[65536], request[4096], reply[65536 + 256];
    int s = listening(port), c;
    while ((c = accept(s, 0, 0)) >= 0) {
        ssize_t length;
        while ((length = read(c, request, sizeof request - 1)) > 0) {
            request[length] = 0;
            char *path = strchr(request, '/') + 1, *end = strchr(path, ' ');
            if (end > path) tell("db", 5432, path, (size_t)(end - path), answer);
            ssize_t got = tell("db", 5432, "?", 1, answer);
            int n = sprintf(reply, "HTTP/1.1 %s\r\nContent-Length: %zd\r\n\r\n",
                            got < 0 ? "500 Gone" : "200 OK", got < 0 ? 0 : got);
            /* At once: a reader may take what comes first for all of it. */
            if (got > 0) memcpy(reply + n, answer, (size_t)got);
            if (write(c, reply, (size_t)n + (got > 0 ? (size_t)got : 0)) < 0) break;
        }
        close(c);
    }
}

int main(int argc, char **argv) {
    setvbuf(stdout, 0, _IONBF, 0);
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '='), answer[65536];
        const char *verb = argv[i];
        if (value) *value++ = 0;
        if (!strcmp(verb, "out")) printf("%s\n", value);
        if (!strcmp(verb, "exit")) return atoi(value);
        if (!strcmp(verb, "once") && open(value, O_CREAT | O_EXCL, 0600) >= 0) return 7;
        if (!strcmp(verb, "keep")) keep(atoi(value));
        if (!strcmp(verb, "serve")) serve(atoi(value));
        if (!strcmp(verb, "ask") || !strcmp(verb, "put")) {
            char given[65536] = "?";
            size_t length = *verb == 'a' ? 1 : fread(given, 1, sizeof given, stdin);
            ssize_t got = tell("localhost", atoi(value), given, length, answer);
            if (got < 0) return 1;
            printf("%.*s\n", (int)got, answer);
        }
        if (!strcmp(verb, "wait"))
            for (;;) pause();
    }
    return 0;
}
