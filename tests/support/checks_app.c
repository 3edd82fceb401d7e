/* A static program for images of tests. Each argument is an instruction, done in order:
 * out=TEXT, get (asks HEADSTART_URL, says what is answered), env=NAME, exit=N, wait, touch=MIB,
 * folder=PATH, file=PATH=TEXT, link=PATH=TARGET, large=PATH=MIB, fill=PATH (without end),
 * flood=MIB (of output), fork (a child that stays), report=PATH=TEXT: JUnit XML of four tests, of
 * which "body" fails and "json" is skipped where the app's answer is not the text. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The answer of http://ADDRESS:PORT, its end; its status as a number. */
static int get(char *answer, size_t size) {
    const char *url = getenv("HEADSTART_URL");
    char host[64];
    int port = 80, s = socket(AF_INET, SOCK_STREAM, 0);
    size_t got = 0;
    ssize_t more;
    if (!url || sscanf(url, "http://%63[^:]:%d", host, &port) != 2) return -1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &at.sin_addr);
    if (connect(s, (void *)&at, sizeof at)) {
        snprintf(answer, size, "%s", strerror(errno));
        return 0;
    }
    dprintf(s, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
    while (got < size - 1 && (more = read(s, answer + got, size - 1 - got)) > 0) got += more;
    answer[got] = 0;
    close(s);
    return got > 12 ? atoi(answer + 9) : 0;
}

static FILE *opened(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) {
        printf("%s: %s\n", path, strerror(errno));
        exit(9);
    }
    return file;
}

int main(int argc, char **argv) {
    static char block[1 << 20];
    setvbuf(stdout, 0, _IONBF, 0);
    for (int i = 1; i < argc; i++) {
        const char *verb = argv[i];
        char *value = strchr(argv[i], '='), *second = 0;
        if (value) *value++ = 0;
        if (!strcmp(verb, "file") || !strcmp(verb, "link") || !strcmp(verb, "large") ||
            !strcmp(verb, "report"))
            if ((second = strchr(value, '='))) *second++ = 0;
        if (!strcmp(verb, "out")) printf("%s\n", value);
        if (!strcmp(verb, "env")) printf("%s=%s\n", value, getenv(value) ? getenv(value) : "");
        if (!strcmp(verb, "exit")) return atoi(value);
        if (!strcmp(verb, "folder")) mkdir(value, 0755);
        if (!strcmp(verb, "link") && symlink(second, value)) printf("%s\n", strerror(errno));
        if (!strcmp(verb, "get")) {
            char answer[4096] = "";
            int status = get(answer, sizeof answer);
            const char *body = strstr(answer, "\r\n\r\n");
            printf("answered %d %s\n", status, body ? body + 4 : answer);
        }
        if (!strcmp(verb, "file")) {
            FILE *file = opened(value);
            fputs(second, file);
            fclose(file);
        }
        if (!strcmp(verb, "report")) {
            char answer[4096] = "";
            FILE *file = opened(value);
            int status = get(answer, sizeof answer);
            const char *body = strstr(answer, "\r\n\r\n");
            int right = body && !strcmp(body + 4, second);
            fprintf(file, "<testsuite name='players'><testcase classname='Api' name='status'"
                          " time='0.010'>%s</testcase>", status == 200 ? "" : "<failure/>");
            fprintf(file, "<testcase classname='Api' name='body' time='0.020'>");
            if (!right)
                fprintf(file, "<failure message='expected %s, got %s'/>", second,
                        body ? body + 4 : answer);
            fprintf(file, "</testcase><testcase classname='Api' name='json'>%s</testcase>"
                          "<testcase classname='Api' name='headers'/></testsuite>",
                    right ? "" : "<skipped message='no body'/>");
            fclose(file);
        }
        if (!strcmp(verb, "large")) {
            FILE *file = opened(value);
            memset(block, ' ', sizeof block);
            for (int n = 0; n < atoi(second); n++) fwrite(block, 1, sizeof block, file);
            fclose(file);
        }
        if (!strcmp(verb, "fill")) {
            FILE *file = opened(value);
            while (fwrite(block, 1, sizeof block, file)) {
            }
        }
        if (!strcmp(verb, "touch")) {
            size_t size = (size_t)atoi(value) << 20;
            char *area = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            for (size_t at = 0; at < size; at += 4096) area[at] = 1;
        }
        if (!strcmp(verb, "flood"))
            for (int line = 0; line < atoi(value) << 14; line++) printf("%063d\n", line);
        if (!strcmp(verb, "fork") && !fork())
            for (;;) pause();
        if (!strcmp(verb, "wait"))
            for (;;) pause();
    }
    return 0;
}
