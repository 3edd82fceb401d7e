/* A worker that says in its log when it was ready, by CLOCK_MONOTONIC: ./line_worker WORK_MS */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int count, char **words) {
    char line[64];
    long long until = now_ns() + (count > 1 ? atoll(words[1]) : 0) * 1000000LL;
    while (now_ns() < until)
        ;
    /* One write: the time in it is that of the call. */
    int size = snprintf(line, sizeof line, "ready %lld\n", now_ns());
    if (write(1, line, size) != size) return 1;
    for (;;) pause();
}
