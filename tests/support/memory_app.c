/* A static server whose memory is known. Each argument is an instruction, done in order:
 *   touch=MIB     private memory, written
 *   share=MIB     memory that its children share, written
 *   children=N    children that write to the shared memory, have as much of their own, and stay
 *   churn=MIB     a child that has children all the time, each writes this much and ends
 *   hungry=MIB    a child that is killed where there is no room for this, and missed by nobody
 *   read=FILE     a mapped file, read once, of which each request reads 32 pages at random
 *   grow=MIB      memory written with the first request, not before
 *   serve=PORT    HTTP/1.1 with kept connections, for ever */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char *shared, *file;
static size_t shared_size, file_size, growth;
static volatile char sum;

static char *written(size_t mebibytes, int flags) {
    size_t size = mebibytes << 20;
    char *area = mmap(0, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
    if (area == MAP_FAILED) exit(3);
    madvise(area, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += 4096) area[at] = 1;
    return area;
}

static void children(int number) {
    while (number--)
        if (!fork()) {
            for (size_t at = 0; at < shared_size; at += 4096) shared[at] = 2;
            written(shared_size >> 20, MAP_PRIVATE);
            for (;;) pause();
        }
}

static void churn(size_t mebibytes) {
    if (fork()) return;
    for (;;) {
        if (!fork()) {
            written(mebibytes, MAP_PRIVATE);
            usleep(20000);
            _exit(0);
        }
        wait(0);
    }
}

static void hungry(size_t mebibytes) {
    int child = fork();
    if (!child) {
        written(mebibytes, MAP_PRIVATE);
        _exit(0);
    }
    waitpid(child, 0, 0);
}

static void map_file(const char *path) {
    int from = open(path, O_RDONLY);
    file_size = (size_t)lseek(from, 0, SEEK_END);
    file = mmap(0, file_size, PROT_READ, MAP_SHARED, from, 0);
    if (file == MAP_FAILED) exit(4);
    for (size_t at = 0; at < file_size; at += 4096) sum += file[at];
    madvise(file, file_size, MADV_RANDOM);
}

static void work(void) {
    if (growth) written(growth, MAP_PRIVATE), growth = 0;
    for (int page = 0; file && page < 32; page++)
        sum += file[(size_t)rand() % (file_size / 4096) * 4096];
}

static void serve(int port) {
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct pollfd open[64];
    int one = 1, count = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (void *)&at, sizeof at) || listen(s, 64)) exit(5);
    open[0] = (struct pollfd){s, POLLIN, 0};
    for (;;) {
        poll(open, count, -1);
        for (int i = count - 1; i > 0; i--) {
            char request[4096];
            if (!open[i].revents) continue;
            if (read(open[i].fd, request, sizeof request) > 0) {
                work();
                if (write(open[i].fd, reply, sizeof reply - 1) > 0) continue;
            }
            close(open[i].fd);
            open[i] = open[--count];
        }
        if (open[0].revents && count < 64)
            open[count++] = (struct pollfd){accept(s, 0, 0), POLLIN, 0};
    }
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        int number = value ? atoi(value + 1) : 0;
        if (!value) return 6;
        *value++ = 0;
        if (!strcmp(argv[i], "touch")) written(number, MAP_PRIVATE);
        if (!strcmp(argv[i], "share")) {
            shared = written(number, MAP_SHARED);
            shared_size = (size_t)number << 20;
        }
        if (!strcmp(argv[i], "children")) children(number);
        if (!strcmp(argv[i], "churn")) churn(number);
        if (!strcmp(argv[i], "hungry")) hungry(number);
        if (!strcmp(argv[i], "read")) map_file(value);
        if (!strcmp(argv[i], "grow")) growth = number;
        if (!strcmp(argv[i], "serve")) serve(number);
    }
    return 0;
}
