// What the three instruments share: the clock, loopback sockets, output
// buffers, big-endian numbers. Nothing here ever leaves 127.0.0.1.
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <arpa/inet.h>
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// Seconds of CLOCK_MONOTONIC, so that times of different processes compare.
static inline double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static inline void fail(const char *what) {
    perror(what);
    exit(1);
}

static inline void *need(void *memory) {
    if (!memory) fail("memory");
    return memory;
}

static inline struct sockaddr_in loopback(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

static inline void no_delay(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// Connect and make non-blocking; -1 when refused.
static inline int dial(int port) {
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    if (connect(fd, (struct sockaddr *)&at, sizeof at)) {
        close(fd);
        return -1;
    }
    no_delay(fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

// Listen on *port, or on a free one that is then put into *port when it is 0.
static inline int listen_on(int *port) {
    struct sockaddr_in at = loopback(*port);
    socklen_t size = sizeof at;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1024)) fail("listen");
    if (getsockname(fd, (struct sockaddr *)&at, &size)) fail("getsockname");
    *port = ntohs(at.sin_port);
    return fd;
}

static inline void watch(int epoll, int how, int fd, uint32_t events, void *what) {
    struct epoll_event event = {.events = events, .data.ptr = what};
    if (epoll_ctl(epoll, how, fd, &event)) fail("epoll_ctl");
}

// Bytes that wait to be sent: appended by many answers, sent by one system call.
struct buffer {
    uint8_t *bytes;
    size_t start, end, room;
};

static inline uint8_t *reserve(struct buffer *b, size_t size) {
    if (b->start == b->end) b->start = b->end = 0;
    if (b->end + size > b->room) {
        memmove(b->bytes, b->bytes + b->start, b->end - b->start);
        b->end -= b->start;
        b->start = 0;
        while (b->end + size > b->room) b->room = b->room ? b->room * 2 : 1 << 16;
        b->bytes = need(realloc(b->bytes, b->room));
    }
    return b->bytes + b->end;
}

static inline void append(struct buffer *b, const void *bytes, size_t size) {
    memcpy(reserve(b, size), bytes, size);
    b->end += size;
}

// Send what the socket takes; -1 when the connection is broken.
static inline int flush(int fd, struct buffer *b) {
    while (b->start < b->end) {
        ssize_t sent = send(fd, b->bytes + b->start, b->end - b->start, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN ? 0 : -1;
        b->start += (size_t)sent;
    }
    return 0;
}

static inline void put32(uint8_t *at, uint32_t value) {
    value = htonl(value);
    memcpy(at, &value, 4);
}

static inline uint32_t get32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return ntohl(value);
}

// SMPP 3.4, section 3.2: length, command, status, sequence number.
enum {
    BIND_RECEIVER = 1, BIND_TRANSMITTER = 2, SUBMIT_SM = 4, DELIVER_SM = 5,
    UNBIND = 6, BIND_TRANSCEIVER = 9, ENQUIRE_LINK = 0x15,
};
#define RESPONSE 0x80000000u
#define GENERIC_NACK RESPONSE

static inline void put_header(uint8_t *at, size_t length, uint32_t command,
                              uint32_t status, uint32_t sequence) {
    put32(at, (uint32_t)length);
    put32(at + 4, command);
    put32(at + 8, status);
    put32(at + 12, sequence);
}

// End with the process that started us, however that one ends.
static inline void end_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGTERM); }

#endif
