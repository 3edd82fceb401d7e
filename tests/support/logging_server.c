/* A server that logs when each request was complete and when its answer was written, to hold
 * load generators against.
 *
 *   logging_server LOG CAPACITY [SERVICE_US [SLOW_EVERY SLOW_US [CERTIFICATE KEY]]]
 *
 * It prints the free port of 127.0.0.1 that it listens on. An answer leaves SERVICE_US after its request is
 * complete, every SLOW_EVERY-th SLOW_US after; meanwhile it serves others. It speaks HTTP/1.1 with requests
 * that have no body, and HTTP/2 to whoever begins with its preface: as much of it as h2load and nghttp need;
 * windows are not kept, since its answers are far smaller. With a certificate, and built with -DTLS, all of
 * that over TLS; a request is complete when it is decrypted.
 *
 * LOG is mapped: the number of records (64 bits), then CAPACITY of them. Times are CLOCK_MONOTONIC in ns.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/ssl.h>
static SSL_CTX *tls;
#else
typedef void SSL;
#endif

#define INPUT 16384
#define CONNECTIONS 4096
#define PENDING 8192

struct record {
    int64_t read_ns, answered_ns;
    uint32_t connection, stream;
};

struct connection {
    int fd, open, http2, told;
    SSL *ssl;
    size_t have;
    unsigned char input[INPUT];
};

struct request {
    int64_t due_ns, read_ns;
    uint32_t connection, stream;
};

static struct connection *connections[CONNECTIONS];
static uint32_t accepted;
static struct request pending[PENDING];
static size_t waiting;
static uint64_t *count, capacity, asked;
static struct record *records;
static int64_t service_ns, slow_ns, slow_every;

static const char HTTP1[] = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!";
static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum { DATA = 0, HEADERS = 1, SETTINGS = 4, PING = 6, END_STREAM = 1, ACK = 1, END_HEADERS = 4, HEAD = 9 };

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void end(struct connection *c) {
    if (c->open) close(c->fd);
    c->open = 0;
}

#ifdef TLS
static ssize_t get(struct connection *c, void *into, size_t size) {
    if (!c->ssl) return read(c->fd, into, size);
    int got = SSL_read(c->ssl, into, size);
    if (got <= 0) errno = SSL_get_error(c->ssl, got) == SSL_ERROR_WANT_READ ? EAGAIN : EPROTO;
    return got > 0 ? got : -1;
}

static ssize_t put(struct connection *c, const void *data, size_t size) {
    return c->ssl ? SSL_write(c->ssl, data, size) : write(c->fd, data, size);
}

/* What was decrypted with what is read: no event tells of it. */
static int more(const struct connection *c) { return c->open && c->ssl && SSL_pending(c->ssl); }

static int choose(SSL *ssl, const unsigned char **out, unsigned char *size, const unsigned char *offered,
                  unsigned length, void *unused) {
    static const unsigned char known[] = "\x02h2\x08http/1.1";
    (void)ssl, (void)unused;
    int found = SSL_select_next_proto((unsigned char **)out, size, known, sizeof known - 1, offered, length);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static int secure(const char *certificate, const char *key) {
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_alpn_select_cb(tls, choose, NULL);
    return SSL_CTX_use_certificate_chain_file(tls, certificate) == 1 &&
           SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1;
}

static void begin(struct connection *c) {
    if (!tls) return;
    c->ssl = SSL_new(tls);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_accept_state(c->ssl);
}
#else
static ssize_t get(struct connection *c, void *into, size_t size) { return read(c->fd, into, size); }
static ssize_t put(struct connection *c, const void *data, size_t size) { return write(c->fd, data, size); }
static int more(const struct connection *c) { return (void)c, 0; }
static int secure(const char *certificate, const char *key) { return (void)certificate, (void)key, 0; }
static void begin(struct connection *c) { (void)c; }
#endif

static void send_all(struct connection *c, const void *data, size_t size) {
    if (c->open && put(c, data, size) != (ssize_t)size) end(c);
}

static size_t frame(unsigned char *out, size_t size, int type, int flags, uint32_t stream, const void *payload) {
    unsigned char head[HEAD] = {size >> 16, size >> 8, size, type, flags,
                                stream >> 24, stream >> 16, stream >> 8, stream};
    memcpy(out, head, HEAD);
    if (size) memcpy(out + HEAD, payload, size);
    return HEAD + size;
}

static void answer(const struct request *request) {
    struct connection *c = connections[request->connection];
    if (!c->open) return;
    if (c->http2) {
        unsigned char out[64];
        /* Of HPACK's static table: ":status: 200". */
        size_t size = frame(out, 1, HEADERS, END_HEADERS, request->stream, "\x88");
        size += frame(out + size, 13, DATA, END_STREAM, request->stream, "Hello, World!");
        send_all(c, out, size);
    } else {
        send_all(c, HTTP1, sizeof HTTP1 - 1);
    }
    if (*count < capacity) {
        records[*count] = (struct record){request->read_ns, now(), request->connection, request->stream};
        __atomic_store_n(count, *count + 1, __ATOMIC_RELEASE);
    }
}

static void complete(uint32_t connection, uint32_t stream, int64_t read_ns) {
    int slow = slow_every && ++asked % slow_every == 0;
    struct request request = {read_ns + (slow ? slow_ns : service_ns), read_ns, connection, stream};
    if (request.due_ns <= read_ns || waiting == PENDING)
        answer(&request);
    else
        pending[waiting++] = request;
}

/* How much of the input was of whole requests. */
static size_t take_http1(uint32_t id, int64_t read_ns) {
    struct connection *c = connections[id];
    size_t taken = 0;
    unsigned char *ended;
    while ((ended = memmem(c->input + taken, c->have - taken, "\r\n\r\n", 4))) {
        taken = ended + 4 - c->input;
        complete(id, 0, read_ns);
    }
    return taken;
}

static size_t take_http2(uint32_t id, int64_t read_ns) {
    struct connection *c = connections[id];
    size_t taken = 0;
    unsigned char out[64];
    if (!c->told) {
        if (c->have < sizeof PREFACE - 1) return 0;
        taken = sizeof PREFACE - 1;
        c->told = 1;
        send_all(c, out, frame(out, 0, SETTINGS, 0, 0, NULL));
    }
    while (c->have - taken >= HEAD) {
        unsigned char *at = c->input + taken;
        size_t size = at[0] << 16 | at[1] << 8 | at[2];
        int type = at[3], flags = at[4];
        uint32_t stream = (at[5] & 0x7fu) << 24 | at[6] << 16 | at[7] << 8 | at[8];
        if (c->have - taken < HEAD + size) break;
        taken += HEAD + size;
        if (type == SETTINGS && !(flags & ACK))
            send_all(c, out, frame(out, 0, SETTINGS, ACK, 0, NULL));
        else if (type == PING && !(flags & ACK) && size == 8)
            send_all(c, out, frame(out, 8, PING, ACK, 0, at + HEAD));
        else if ((type == HEADERS || type == DATA) && flags & END_STREAM)
            complete(id, stream, read_ns);
    }
    return taken;
}

static void receive(uint32_t id) {
    struct connection *c = connections[id];
    if (!c->open) return;
    ssize_t got = get(c, c->input + c->have, INPUT - c->have);
    int64_t read_ns = now();
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) end(c);
        return;
    }
    c->have += got;
    if (c->have >= 4 && !memcmp(c->input, "PRI ", 4)) c->http2 = 1;
    size_t taken = c->http2 ? take_http2(id, read_ns) : take_http1(id, read_ns);
    memmove(c->input, c->input + taken, c->have - taken);
    c->have -= taken;
    if (c->have == INPUT) end(c);
    if (more(c)) receive(id);
}

static void accept_one(int listener, int poll) {
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (accepted == CONNECTIONS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct connection *c = connections[accepted] = calloc(1, sizeof *c);
    if (!c) abort();
    c->fd = fd;
    c->open = 1;
    begin(c);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = accepted++};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

/* Answer what is due; the timer is set to what is due next. */
static void answer_due(int timer) {
    int64_t next = 0;
    for (size_t at = 0; at < waiting;) {
        if (pending[at].due_ns <= now()) {
            struct request due = pending[at];
            pending[at] = pending[--waiting];
            answer(&due);
            continue;
        }
        if (!next || pending[at].due_ns < next) next = pending[at].due_ns;
        at++;
    }
    struct itimerspec at = {.it_value = {next / 1000000000, next % 1000000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    capacity = strtoull(argv[2], NULL, 10);
    service_ns = argc > 3 ? (int64_t)(atof(argv[3]) * 1e3) : 0;
    slow_every = argc > 5 ? atoll(argv[4]) : 0;
    slow_ns = argc > 5 ? (int64_t)(atof(argv[5]) * 1e3) : 0;
    signal(SIGPIPE, SIG_IGN);
    if (argc > 7 && !secure(argv[6], argv[7])) return 2;

    size_t bytes = sizeof *count + capacity * sizeof *records;
    int log = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log < 0 || ftruncate(log, bytes)) return 2;
    count = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, log, 0);
    if (count == MAP_FAILED) return 2;
    records = (struct record *)(count + 1);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024) ||
        getsockname(listener, (struct sockaddr *)&address, &size)) {
        perror("logging_server");
        return 2;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    enum { LISTENER = UINT32_MAX, TIMER = UINT32_MAX - 1 };
    int poll = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = LISTENER};
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    event.data.u32 = TIMER;
    epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event);
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, -1);
        for (int at = 0; at < ready; at++) {
            uint32_t id = events[at].data.u32;
            if (id == LISTENER)
                accept_one(listener, poll);
            else if (id != TIMER)
                receive(id);
        }
        answer_due(timer);
    }
}
