// A customer's SMPP client that floods a server on loopback: binds as a
// transceiver, keeps WINDOW submit_sm unanswered, acknowledges every deliver_sm.
// It measures the ceiling of the sink, and of any SMPP server.
//
// usage: esme -p PORT [-n COUNT] [-w WINDOW] [-r] [-t SECONDS] [-u SYSTEM_ID] [-x PASSWORD]
// -r asks for receipts and waits for them. Prints one JSON line.
#define _GNU_SOURCE
#include "net.h"

static int port, window = 1000, receipts;
static long count = 100000, sent, answered, errors, received;
static double seconds = 60;
static const char *system_id = "bench", *password = "bench";

static uint8_t *text_field(uint8_t *to, const char *text) {
    size_t size = strlen(text) + 1;
    memcpy(to, text, size);
    return to + size;
}

// SMPP 3.4, section 4.1.5.
static void bind_transceiver(struct buffer *out) {
    uint8_t *pdu = reserve(out, 256), *p = pdu + 16;
    p = text_field(p, system_id);
    p = text_field(p, password);
    p = text_field(p, "");
    *p++ = 0x34, *p++ = 0, *p++ = 0, *p++ = 0;
    put_header(pdu, (size_t)(p - pdu), BIND_TRANSCEIVER, 0, 1);
    out->end += (size_t)(p - pdu);
}

// SMPP 3.4, section 4.4.1: the same text to a new recipient each time.
static void submit(struct buffer *out) {
    static const char text[] = "Your order is ready for pick-up at the desk. Regards, Bench";
    uint8_t *pdu = reserve(out, 256), *p = pdu + 16;
    long recipient = 4790000000 + sent;
    char digits[11] = {0};
    for (int i = 10; i--; recipient /= 10) digits[i] = (char)('0' + recipient % 10);
    *p++ = 0;
    *p++ = 5, *p++ = 0;
    p = text_field(p, "Bench");
    *p++ = 1, *p++ = 1;
    p = text_field(p, digits);
    memset(p, 0, 5); // esm_class, protocol, priority, two times
    p += 5;
    *p++ = (uint8_t)receipts, *p++ = 0, *p++ = 0, *p++ = 0;
    *p++ = sizeof text - 1;
    memcpy(p, text, sizeof text - 1);
    p += sizeof text - 1;
    put_header(pdu, (size_t)(p - pdu), SUBMIT_SM, 0, (uint32_t)(2 + sent++));
    out->end += (size_t)(p - pdu);
}

static void handle(struct buffer *out, const uint8_t *pdu) {
    uint32_t command = get32(pdu + 4);
    if (command == (SUBMIT_SM | RESPONSE)) {
        answered++;
        errors += get32(pdu + 8) != 0;
    } else if (command == (BIND_TRANSCEIVER | RESPONSE) && get32(pdu + 8)) {
        fprintf(stderr, "esme: bind refused: %u\n", get32(pdu + 8));
        exit(1);
    } else if (command == DELIVER_SM || command == ENQUIRE_LINK) {
        int body = command == DELIVER_SM;
        uint8_t *reply = reserve(out, 32);
        put_header(reply, 16 + (size_t)body, command | RESPONSE, 0, get32(pdu + 12));
        reply[16] = 0;
        out->end += 16 + (size_t)body;
        received += body;
    }
}

// Read what is there; how many bytes of the start are used up.
static size_t read_some(int fd, struct buffer *out, uint8_t *in, size_t *got, size_t room) {
    ssize_t size = recv(fd, in + *got, room - *got, 0);
    size_t at = 0;
    if (size == 0 || (size < 0 && errno != EAGAIN)) fail("the server closed");
    if (size > 0) *got += (size_t)size;
    while (*got - at >= 16 && *got - at >= get32(in + at)) {
        if (get32(in + at) < 16) fail("a PDU shorter than its header");
        handle(out, in + at);
        at += get32(in + at);
    }
    memmove(in, in + at, *got - at);
    *got -= at;
    return at;
}

static void run(int fd) {
    static uint8_t in[1 << 18];
    size_t got = 0;
    struct buffer out = {0};
    int epoll = epoll_create1(EPOLL_CLOEXEC), writing = 0;
    double start = now(), until = start + seconds;
    bind_transceiver(&out);
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, NULL);
    while (now() < until && (answered < count || (receipts && received < count))) {
        struct epoll_event event;
        while (sent < count && sent - answered < window) submit(&out);
        if (flush(fd, &out)) fail("send");
        if (writing != (out.start < out.end)) {
            writing = !writing;
            watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | (writing ? EPOLLOUT : 0), NULL);
        }
        if (epoll_wait(epoll, &event, 1, 100) > 0 && event.events & EPOLLIN)
            read_some(fd, &out, in, &got, sizeof in);
    }
    flush(fd, &out);
    double span = now() - start;
    printf("{\"sent\":%ld,\"answered\":%ld,\"errors\":%ld,\"receipts\":%ld,"
           "\"seconds\":%.4f,\"per_second\":%.0f}\n",
           sent, answered, errors, received, span, (double)answered / span);
}

int main(int argc, char **argv) {
    int letter;
    while ((letter = getopt(argc, argv, "p:n:w:rt:u:x:")) > 0) switch (letter) {
        case 'p': port = atoi(optarg); break;
        case 'n': count = atol(optarg); break;
        case 'w': window = atoi(optarg); break;
        case 'r': receipts = 1; break;
        case 't': seconds = atof(optarg); break;
        case 'u': system_id = optarg; break;
        case 'x': password = optarg; break;
        default: exit(2);
        }
    end_with_parent();
    int fd = dial(port);
    if (fd < 0) fail("connect");
    run(fd);
    return answered < count || errors || (receipts && received < count);
}
