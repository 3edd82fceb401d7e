/* CLOCK_REALTIME of one process, ahead by what a file says: eight bytes, seconds, native order.
 *
 * To be preloaded. CLOCK_MONOTONIC stays as it is. Who waits until a time of this clock waits
 * until that time of the machine's, so that a step makes no wait longer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t right = 0;
static const volatile int64_t *ahead = &right;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CHAOS_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED)
        ahead = page;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *ahead;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int failed = (int)syscall(SYS_gettimeofday, now, zone);
    if (!failed)
        now->tv_sec += *ahead;
    return failed;
}

time_t time(time_t *also) {
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (also)
        *also = now.tv_sec;
    return now.tv_sec;
}

/* Times of CLOCK_MONOTONIC, which has no such numbers, stay as they are. */
static struct timespec on_the_machine(const struct timespec *until) {
    struct timespec found = *until;
    if (found.tv_sec > 1000000000)
        found.tv_sec -= *ahead;
    return found;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real)
        real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    struct timespec found = on_the_machine(until);
    return real(condition, mutex, &found);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
    static int (*real)(sem_t *, const struct timespec *);
    if (!real)
        real = dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec found = on_the_machine(until);
    return real(semaphore, &found);
}

/* By which gRPC waits. */
long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real)
        real = dlsym(RTLD_NEXT, "syscall");
    va_list list;
    long a[6];
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex && a[3] && (a[1] & FUTEX_CLOCK_REALTIME)) {
        struct timespec found = on_the_machine((const struct timespec *)a[3]);
        return real(number, a[0], a[1], a[2], &found, a[4], a[5]);
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
