/* gate DIR PROGRAM [ARGUMENT...]: waits in DIR/open, then becomes PROGRAM on the same pid.
 *
 * It is the entrypoint of a measured container, so that all of the engine's
 * work is over before the app's clock starts. No libc and no dynamic linker:
 * it has to run FROM scratch, and an exec of a dynamic program costs 0.5 ms.
 *
 * DIR/open is a FIFO. Only a byte opens the gate; end of file without one means
 * that the agent died or gave up, and the gate exits. DIR/stamp is a file of
 * three int64 that the agent made: start of the gate, time just before execve
 * (both CLOCK_MONOTONIC, ns), and the errno of an execve that failed.
 *
 * Exit status: 127 not found or not executable as it is, 126 not permitted,
 * 125 the gate itself could not do its work or was given up.
 */
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>

enum { PATH_LIMIT = 4096 };

struct stamp {
    int64_t gate_started_ns, exec_ns, error;
};

static inline long call4(long number, long a, long b, long c, long d) {
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}

static inline long call(long number, long a, long b, long c) { return call4(number, a, b, c, 0); }

static __attribute__((noreturn)) void leave(int status) {
    for (;;) call(__NR_exit_group, status, 0, 0);
}

static int64_t monotonic_ns(void) {
    struct { int64_t seconds, nanoseconds; } now;
    call(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, (long)&now, 0);
    return now.seconds * 1000000000LL + now.nanoseconds;
}

/* Writes HEAD (up to its end or a colon), '/', TAIL into PATH; 0 when it does not fit. */
static int join(char *path, const char *head, const char *tail) {
    size_t n = 0;
    for (; *head && *head != ':' && n < PATH_LIMIT - 2; head++) path[n++] = *head;
    if (*head && *head != ':') return 0;
    if (n) path[n++] = '/'; /* an empty element of PATH is the working directory */
    for (; *tail && n < PATH_LIMIT - 1; tail++) path[n++] = *tail;
    path[n] = 0;
    return !*tail;
}

static long open_in(const char *folder, const char *name, int flags) {
    char path[PATH_LIMIT];
    if (!join(path, folder, name)) return -ENAMETOOLONG;
    return call(__NR_open, (long)path, flags | O_CLOEXEC, 0);
}

static void wait_for_byte(const char *folder) {
    long fifo, got;
    char byte;
    do fifo = open_in(folder, "open", O_RDONLY);
    while (fifo == -EINTR);
    if (fifo < 0) leave(125);
    do got = call(__NR_read, fifo, (long)&byte, 1);
    while (got == -EINTR);
    if (got != 1) leave(125);
    call(__NR_close, fifo, 0, 0);
}

static const char *search_path(char **environment) {
    for (; *environment; environment++) {
        const char *e = *environment;
        if (e[0] == 'P' && e[1] == 'A' && e[2] == 'T' && e[3] == 'H' && e[4] == '=') return e + 5;
    }
    return "/bin:/usr/bin";
}

/* execvp(3), without its fallback to a shell; returns the errno. */
static long execute(char **argv, char **environment) {
    const char *program = argv[0], *element = search_path(environment);
    char path[PATH_LIMIT];
    long error = ENOENT;
    int refused = 0;
    for (const char *p = program; *p; p++)
        if (*p == '/') return -call(__NR_execve, (long)program, (long)argv, (long)environment);
    if (!*program) return ENOENT;
    for (;;) {
        error = ENAMETOOLONG;
        if (join(path, element, program))
            error = -call(__NR_execve, (long)path, (long)argv, (long)environment);
        if (error == EACCES)
            refused = 1;
        else if (error != ENOENT && error != ENOTDIR && error != ENAMETOOLONG && error != ESTALE &&
                 error != ENODEV && error != ETIMEDOUT)
            return error;
        while (*element && *element != ':') element++;
        if (!*element) return refused ? EACCES : error;
        element++;
    }
}

__attribute__((used, noreturn)) void gate(long *stack) {
    long argc = stack[0];
    char **argv = (char **)(stack + 1), **environment = argv + argc + 1;
    struct stamp stamp = {0, 0, 0};

    stamp.gate_started_ns = monotonic_ns();
    if (argc < 3) leave(125);
    /* Opened before the wait: after it every microsecond is the app's. Without a
     * stamp the app still starts; the agent then has the kernel's stamp or none. */
    long file = open_in(argv[1], "stamp", O_WRONLY);
    wait_for_byte(argv[1]);

    stamp.exec_ns = monotonic_ns();
    call4(__NR_pwrite64, file, (long)&stamp, sizeof stamp, 0);
    stamp.error = execute(argv + 2, environment);

    call4(__NR_pwrite64, file, (long)&stamp, sizeof stamp, 0);
    leave(stamp.error == EACCES || stamp.error == EPERM ? 126 : 127);
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall gate\n");
