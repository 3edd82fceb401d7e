/* A server that knows its own times, to hold the startup measurement against.
 *
 *   truth_server PORT [WORK_MS [NOT_READY_MS [REQUEST_MS [LOGS]]]]
 *
 * It is busy for WORK_MS, then listens; for NOT_READY_MS from then on it answers
 * 503, then 200 "Hello, World!", each after REQUEST_MS of CPU time. With LOGS it says "listening" when it
 * does. When the first 200 has left it prints one line of JSON: its times (CLOCK_MONOTONIC, ns) and its CPU
 * time at that moment.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static const char READY[] = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!";
static const char NOT_READY[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\nnot ready";

int main(int argc, char **argv) {
    int64_t main_ns = now(CLOCK_MONOTONIC), request_ns = 0;
    int port = argc > 1 ? atoi(argv[1]) : 8080;
    int64_t work_ns = argc > 2 ? (int64_t)(atof(argv[2]) * 1e6) : 0;
    int64_t not_ready_ns = argc > 3 ? (int64_t)(atof(argv[3]) * 1e6) : 0;
    int64_t request_work_ns = argc > 4 ? (int64_t)(atof(argv[4]) * 1e6) : 0;

    while (now(CLOCK_MONOTONIC) < main_ns + work_ns) {
    }

    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        perror("truth_server");
        return 2;
    }
    int64_t listen_ns = now(CLOCK_MONOTONIC);
    if (argc > 5) {
        puts("listening");
        fflush(stdout);
    }

    int poll = epoll_create1(EPOLL_CLOEXEC), told = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        if (epoll_wait(poll, &event, 1, -1) < 1) continue;
        int client = event.data.fd;
        if (client == listener) {
            client = accept4(listener, 0, 0, SOCK_CLOEXEC);
            setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            event = (struct epoll_event){.events = EPOLLIN, .data.fd = client};
            epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
            continue;
        }
        char request[4096];
        if (read(client, request, sizeof request) <= 0) {
            close(client);
            continue;
        }
        request_ns = now(CLOCK_MONOTONIC);
        int ready = request_ns >= listen_ns + not_ready_ns;
        int64_t begun_ns = request_work_ns ? now(CLOCK_PROCESS_CPUTIME_ID) : 0;
        while (request_work_ns && now(CLOCK_PROCESS_CPUTIME_ID) < begun_ns + request_work_ns) {
        }
        const char *answer = ready ? READY : NOT_READY;
        if (write(client, answer, strlen(answer)) < 0) close(client);
        if (ready && !told++) {
            int64_t response_ns = now(CLOCK_MONOTONIC);
            printf("{\"main_ns\": %" PRId64 ", \"listen_ns\": %" PRId64 ", \"request_ns\": %" PRId64
                   ", \"response_ns\": %" PRId64 ", \"cpu_ns\": %" PRId64 "}\n",
                   main_ns, listen_ns, request_ns, response_ns, now(CLOCK_PROCESS_CPUTIME_ID));
            fflush(stdout);
        }
    }
}
