// An SMSC and a customer's callback URL in one small process, on loopback.
//
// SMPP: accepts every bind, answers every submit_sm with ESME_ROK and an id,
// and, where registered_delivery asks for it, sends a receipt (text and the TLVs
// receipted_message_id and message_state) a while later, keeping at most WINDOW
// deliver_sm unacknowledged on a connection. A receipt that was refused, or not
// acknowledged before its connection ended, is sent again, as operators do.
// HTTP: answers every request with 200 and counts by two query parameters.
// Control: a line in, a line of JSON out: "stats", "reset", "receipts 0|1".
//
// usage: sink [-s SMPP_PORT] [-h HTTP_PORT] [-c CONTROL_PORT] [-d RECEIPT_DELAY_MS]
//             [-w WINDOW] [-k ID_PARAMETER] [-v STATUS_PARAMETER]
// Ports are free ones unless given; the first line printed tells them as JSON.
#define _GNU_SOURCE
#include "net.h"

enum { LISTENER = 8, SMPP = 0, HTTP = 1, CONTROL = 2 };
enum { MOST_BINDS = 64, SLOTS = 4096, MOST_STATUSES = 8, LONGEST_PDU = 1 << 16 };

// One receipt, from the submit until its acknowledgement.
struct receipt {
    double due;
    uint64_t id;
    uint32_t bind; // serial of the connection that submitted
    uint8_t source_ton, source_npi;
    char source[22], recipient[22];
};

struct queue {
    struct receipt *at;
    size_t head, count, room;
};

struct connection {
    int fd, kind, receives, broken, waiting_to_send;
    uint32_t serial, sequence;
    int window; // deliver_sm sent and not acknowledged
    struct receipt *sent; // SLOTS of them, by sequence number; id 0 is free
    uint8_t *in;
    size_t got, room;
    struct buffer out;
};

struct set { // of 64-bit keys other than 0, open addressing
    uint64_t *keys;
    size_t count, room;
};

static struct {
    double delay;
    int window, receipts;
    const char *id, *status;
} option = {.delay = 1, .window = 500, .receipts = 1, .id = "origid", .status = "status"};

static struct {
    long submits, doubles, unread, due, sent, acknowledged, refused, again, binds, unbinds,
        closed, pushes, push_doubles, push_other;
    double first, last, push_first, push_last, receipt_last;
    struct { char value[16]; long count; } statuses[MOST_STATUSES];
} seen;

static struct set recipients, pushes;
static struct queue fresh, again; // again: refused or unacknowledged ones
static struct connection *binds[MOST_BINDS];
static int epoll;
static uint32_t serials;
static uint64_t next_id = 1000000000;
static char stamp[16];

// -- sets and queues ---------------------------------------------------------

static size_t place(const struct set *s, uint64_t key) {
    size_t at = (size_t)(key * 0x9E3779B97F4A7C15u >> 20) & (s->room - 1);
    while (s->keys[at] && s->keys[at] != key) at = (at + 1) & (s->room - 1);
    return at;
}

// True when the key is new.
static int add(struct set *s, uint64_t key) {
    if (!key) key = 1;
    if (s->count * 2 >= s->room) {
        struct set bigger = {.room = s->room ? s->room * 2 : 1 << 17, .count = s->count};
        bigger.keys = need(calloc(bigger.room, sizeof *bigger.keys));
        for (size_t i = 0; i < s->room; i++)
            if (s->keys[i]) bigger.keys[place(&bigger, s->keys[i])] = s->keys[i];
        free(s->keys);
        *s = bigger;
    }
    size_t at = place(s, key);
    if (s->keys[at]) return 0;
    s->keys[at] = key;
    s->count++;
    return 1;
}

static void empty(struct set *s) {
    free(s->keys);
    *s = (struct set){0};
}

static void put(struct queue *q, const struct receipt *r) {
    if (q->count == q->room) {
        size_t room = q->room ? q->room * 2 : 1 << 14;
        struct receipt *at = need(malloc(room * sizeof *at));
        for (size_t i = 0; i < q->count; i++) at[i] = q->at[(q->head + i) % q->room];
        free(q->at);
        *q = (struct queue){.at = at, .count = q->count, .room = room};
    }
    q->at[(q->head + q->count++) % q->room] = *r;
}

static void pop(struct queue *q) {
    q->head = (q->head + 1) % q->room;
    q->count--;
}

// -- receipts ----------------------------------------------------------------

static char *decimal(char *to, uint64_t value) {
    char digits[24];
    int k = 0;
    do digits[k++] = (char)('0' + value % 10);
    while (value /= 10);
    while (k) *to++ = digits[--k];
    *to = 0;
    return to;
}

static uint8_t *address(uint8_t *to, int ton, int npi, const char *digits) {
    *to++ = (uint8_t)ton;
    *to++ = (uint8_t)npi;
    size_t size = strlen(digits) + 1;
    memcpy(to, digits, size);
    return to + size;
}

// SMPP 3.4, section 4.6.1 and appendix B.
static void deliver(struct connection *c, const struct receipt *r) {
    char id[24], text[160];
    size_t id_size = (size_t)(decimal(id, r->id) - id) + 1;
    char *t = stpcpy(stpcpy(stpcpy(text, "id:"), id), " sub:001 dlvrd:001 submit date:");
    t = stpcpy(stpcpy(stpcpy(t, stamp), " done date:"), stamp);
    t = stpcpy(t, " stat:DELIVRD err:000 text:");
    size_t size = (size_t)(t - text);
    c->sequence = c->sequence % 0x7FFFFFFF + 1;
    uint8_t *pdu = reserve(&c->out, 512), *p = pdu + 16;
    *p++ = 0; // service_type
    p = address(p, 1, 1, r->recipient);
    p = address(p, r->source_ton, r->source_npi, r->source);
    *p++ = 4; // esm_class: a delivery receipt
    memset(p, 0, 8); // protocol, priority, two times, registered, replace, coding, canned
    p += 8;
    *p++ = (uint8_t)size;
    memcpy(p, text, size);
    p += size;
    *p++ = 0x00, *p++ = 0x1E, *p++ = 0, *p++ = (uint8_t)id_size; // receipted_message_id
    memcpy(p, id, id_size);
    p += id_size;
    *p++ = 0x04, *p++ = 0x27, *p++ = 0, *p++ = 1, *p++ = 2; // message_state DELIVERED
    put_header(pdu, (size_t)(p - pdu), DELIVER_SM, 0, c->sequence);
    c->out.end += (size_t)(p - pdu);
    c->sent[c->sequence % SLOTS] = *r;
    c->window++;
    seen.sent++;
}

static int can_take(const struct connection *c) {
    return c && c->receives && !c->broken && c->window < option.window
        && !c->sent[(c->sequence % 0x7FFFFFFF + 1) % SLOTS].id;
}

// The connection that submitted, else any that receives, in turn.
static struct connection *receiver(const struct receipt *r) {
    static unsigned turn;
    int gone = 1;
    for (int i = 0; i < MOST_BINDS; i++)
        if (binds[i] && binds[i]->serial == r->bind && binds[i]->receives) {
            if (can_take(binds[i])) return binds[i];
            gone = 0;
        }
    for (int i = 0; gone && i < MOST_BINDS; i++) {
        struct connection *c = binds[(turn + (unsigned)i) % MOST_BINDS];
        if (can_take(c)) {
            turn = (turn + (unsigned)i + 1) % MOST_BINDS;
            return c;
        }
    }
    return NULL;
}

static void acknowledged(struct connection *c, uint32_t sequence, uint32_t status) {
    struct receipt *r = &c->sent[sequence % SLOTS];
    if (!r->id) return;
    c->window--;
    if (status) {
        seen.refused++;
        r->due = now() + 1;
        put(&again, r);
    } else {
        seen.acknowledged++;
        seen.receipt_last = now();
    }
    r->id = 0;
}

static void submitted(struct connection *c, const uint8_t *pdu, size_t length);

// -- connections -------------------------------------------------------------

static void answer(struct connection *c, uint32_t command, uint32_t status,
                   uint32_t sequence, const char *text) {
    uint8_t head[16];
    size_t size = text ? strlen(text) + 1 : 0;
    put_header(head, 16 + size, command, status, sequence);
    append(&c->out, head, 16);
    if (text) append(&c->out, text, size);
}

static void push_out(struct connection *c) {
    if (c->broken) return;
    if (flush(c->fd, &c->out)) c->broken = 1;
    int waiting = c->out.start < c->out.end;
    if (waiting != c->waiting_to_send && !c->broken)
        watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLIN | (waiting ? EPOLLOUT : 0), c);
    c->waiting_to_send = waiting;
}

// Send what is due; the seconds until the next one, or a long while.
static double send_receipts(void) {
    struct queue *both[] = {&again, &fresh};
    double at = now(), wait = 3600;
    time_t second = time(NULL);
    strftime(stamp, sizeof stamp, "%y%m%d%H%M", gmtime(&second));
    for (int i = 0; i < 2; i++)
        while (both[i]->count) {
            struct receipt *r = &both[i]->at[both[i]->head];
            struct connection *c = r->due <= at ? receiver(r) : NULL;
            if (!c) {
                if (r->due > at && r->due - at < wait) wait = r->due - at;
                break; // not due, or the window is full: an acknowledgement wakes us
            }
            seen.again += i == 0;
            deliver(c, r);
            pop(both[i]);
        }
    for (int i = 0; i < MOST_BINDS; i++)
        if (binds[i] && binds[i]->out.start < binds[i]->out.end) push_out(binds[i]);
    return wait;
}

static void bound(struct connection *c, uint32_t command, uint32_t sequence) {
    c->receives = command != BIND_TRANSMITTER;
    if (!c->sent) c->sent = need(calloc(SLOTS, sizeof *c->sent));
    seen.binds++;
    answer(c, command | RESPONSE, 0, sequence, "sink");
}

static void smpp_pdu(struct connection *c, const uint8_t *pdu, size_t length) {
    uint32_t command = get32(pdu + 4), sequence = get32(pdu + 12);
    switch (command) {
    case BIND_RECEIVER: case BIND_TRANSMITTER: case BIND_TRANSCEIVER:
        bound(c, command, sequence);
        break;
    case SUBMIT_SM: submitted(c, pdu, length); break;
    case DELIVER_SM | RESPONSE:
        if (c->sent) acknowledged(c, sequence, get32(pdu + 8));
        break;
    case UNBIND:
        seen.unbinds++;
        c->receives = 0;
        answer(c, UNBIND | RESPONSE, 0, sequence, NULL);
        break;
    case ENQUIRE_LINK: answer(c, ENQUIRE_LINK | RESPONSE, 0, sequence, NULL); break;
    default:
        if (!(command & RESPONSE)) answer(c, GENERIC_NACK, 3, sequence, NULL);
    }
}

static size_t smpp_input(struct connection *c) {
    size_t at = 0;
    while (c->got - at >= 16) {
        size_t length = get32(c->in + at);
        if (length < 16 || length > LONGEST_PDU) {
            c->broken = 1;
            break;
        }
        if (c->got - at < length) break;
        smpp_pdu(c, c->in + at, length);
        at += length;
    }
    return at;
}

// Step over a C-octet string, copying it where there is room for it.
static const uint8_t *text_field(const uint8_t *at, const uint8_t *end, char *to, size_t room) {
    const uint8_t *zero = at && at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
    if (!zero || (to && (size_t)(zero - at) >= room)) return NULL;
    if (to) memcpy(to, at, (size_t)(zero - at) + 1);
    return zero + 1;
}

static uint64_t number(const char *digits) {
    uint64_t value = 0;
    if (digits[0] == '0' && digits[1] == '0') digits += 2;
    for (; *digits; digits++)
        if (*digits >= '0' && *digits <= '9') value = value * 10 + (uint64_t)(*digits - '0');
    return value;
}

// SMPP 3.4, section 4.4.1.
static void submitted(struct connection *c, const uint8_t *pdu, size_t length) {
    const uint8_t *end = pdu + length, *p = text_field(pdu + 16, end, NULL, 0);
    struct receipt r = {.due = now(), .bind = c->serial};
    char id[24];
    if (p && p + 2 < end) r.source_ton = p[0], r.source_npi = p[1];
    p = text_field(p ? p + 2 : NULL, end, r.source, sizeof r.source);
    p = text_field(p ? p + 2 : NULL, end, r.recipient, sizeof r.recipient);
    p = text_field(p ? p + 3 : NULL, end, NULL, 0); // schedule_delivery_time
    p = text_field(p, end, NULL, 0);                // validity_period
    if (!p || p >= end) {
        seen.unread++;
        answer(c, SUBMIT_SM | RESPONSE, 2, get32(pdu + 12), NULL); // ESME_RINVCMDLEN
        return;
    }
    r.id = next_id++;
    decimal(id, r.id);
    answer(c, SUBMIT_SM | RESPONSE, 0, get32(pdu + 12), id);
    if (!seen.submits++) seen.first = r.due;
    seen.last = r.due;
    if (!add(&recipients, number(r.recipient))) seen.doubles++;
    if (option.receipts && (*p & 1)) { // 1: any final state, 3: success; 2: failure only
        r.due += option.delay;
        seen.due++;
        put(&fresh, &r);
    }
}

// -- HTTP --------------------------------------------------------------------

// The value of a query parameter up to & or space; its length, 0 when not there.
static size_t parameter(const char *query, const char *end, const char *name, const char **value) {
    size_t size = strlen(name);
    for (const char *p = query; p && p + size < end; p = memchr(p, '&', (size_t)(end - p))) {
        p++;
        if (p + size < end && !memcmp(p, name, size) && p[size] == '=') {
            const char *stop = *value = p + size + 1;
            while (stop < end && *stop != '&') stop++;
            return (size_t)(stop - *value);
        }
    }
    return 0;
}

static uint64_t hashed(uint64_t hash, const char *bytes, size_t size) { // FNV-1a
    for (size_t i = 0; i < size; i++) hash = (hash ^ (uint8_t)bytes[i]) * 0x100000001B3u;
    return hash;
}

static void count_status(const char *value, size_t size) {
    for (int i = 0; i < MOST_STATUSES; i++) {
        char *known = seen.statuses[i].value;
        if (!*known && size < sizeof seen.statuses[i].value) memcpy(known, value, size);
        if (strlen(known) == size && !memcmp(known, value, size)) {
            seen.statuses[i].count++;
            return;
        }
    }
    seen.push_other++;
}

static void pushed(const char *line, const char *end) {
    const char *query = memchr(line, '?', (size_t)(end - line)), *id, *status;
    size_t id_size = parameter(query, end, option.id, &id);
    size_t status_size = parameter(query, end, option.status, &status);
    double at = now();
    if (!seen.pushes++) seen.push_first = at;
    seen.push_last = at;
    if (!id_size || !status_size) {
        seen.push_other++;
        return;
    }
    count_status(status, status_size);
    uint64_t key = hashed(hashed(0xCBF29CE484222325u, id, id_size), "=", 1);
    if (!add(&pushes, hashed(key, status, status_size))) seen.push_doubles++;
}

static const char *header(const char *head, const char *end, const char *name) {
    const char *found = strcasestr(head, name);
    return found && found < end ? found + strlen(name) : NULL;
}

static size_t http_input(struct connection *c) {
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                "Content-Length: 2\r\n\r\nok";
    size_t at = 0;
    c->in[c->got] = 0;
    for (;;) {
        const char *head = (char *)c->in + at, *end = strstr(head, "\r\n\r\n");
        if (!end) return at;
        const char *length = header(head, end, "\r\ncontent-length:");
        size_t size = (size_t)(end + 4 - head) + (length ? strtoul(length, NULL, 10) : 0);
        if (c->got - at < size) return at;
        const char *target = memchr(head, ' ', (size_t)(end - head));
        const char *stop = target ? memchr(target + 1, ' ', (size_t)(end - target - 1)) : NULL;
        if (stop) pushed(target + 1, stop);
        append(&c->out, reply, sizeof reply - 1);
        at += size;
        if (header(head, end, "\r\nconnection: close")) {
            push_out(c);
            c->broken = 1;
            return at;
        }
    }
}

// -- control -----------------------------------------------------------------

static void tell_stats(struct connection *c) {
    char *text = (char *)reserve(&c->out, 4096), *t = text;
    t += sprintf(t, "{\"submits\":%ld,\"recipients\":%zu,\"doubles\":%ld,\"unread\":%ld,"
                 "\"binds\":%ld,\"unbinds\":%ld,\"closed\":%ld,\"first\":%.6f,\"last\":%.6f,",
                 seen.submits, recipients.count, seen.doubles, seen.unread, seen.binds,
                 seen.unbinds, seen.closed, seen.first, seen.last);
    t += sprintf(t, "\"receipts\":{\"due\":%ld,\"sent\":%ld,\"acknowledged\":%ld,"
                 "\"refused\":%ld,\"again\":%ld,\"last\":%.6f},",
                 seen.due, seen.sent, seen.acknowledged, seen.refused, seen.again,
                 seen.receipt_last);
    t += sprintf(t, "\"pushes\":%ld,\"push_unique\":%zu,\"push_doubles\":%ld,"
                 "\"push_other\":%ld,\"push_first\":%.6f,\"push_last\":%.6f,\"statuses\":{",
                 seen.pushes, pushes.count, seen.push_doubles, seen.push_other,
                 seen.push_first, seen.push_last);
    for (int i = 0; i < MOST_STATUSES && *seen.statuses[i].value; i++)
        t += sprintf(t, "%s\"%s\":%ld", i ? "," : "", seen.statuses[i].value,
                     seen.statuses[i].count);
    t += sprintf(t, "}}\n");
    c->out.end += (size_t)(t - text);
}

static void reset(void) {
    empty(&recipients);
    empty(&pushes);
    fresh.count = again.count = 0;
    memset(&seen, 0, sizeof seen);
}

static size_t control_input(struct connection *c) {
    char *line = (char *)c->in, *end = memchr(line, '\n', c->got);
    if (!end) return 0;
    *end = 0;
    if (!strcmp(line, "reset")) reset();
    if (!strncmp(line, "receipts ", 9)) option.receipts = atoi(line + 9);
    tell_stats(c);
    return (size_t)(end + 1 - line);
}

// -- the loop ----------------------------------------------------------------

static void listen_for(int kind, int *port) {
    struct connection *c = need(calloc(1, sizeof *c));
    c->fd = listen_on(port);
    c->kind = LISTENER | kind;
    watch(epoll, EPOLL_CTL_ADD, c->fd, EPOLLIN, c);
}

static void accept_all(const struct connection *listener) {
    int fd;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = need(calloc(1, sizeof *c));
        no_delay(fd);
        c->fd = fd;
        c->kind = listener->kind & ~LISTENER;
        c->serial = ++serials;
        watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, c);
        for (int i = 0; c->kind == SMPP && i < MOST_BINDS; i++)
            if (!binds[i]) {
                binds[i] = c;
                break;
            }
    }
}

static void end(struct connection *c) {
    for (int i = 0; i < MOST_BINDS; i++)
        if (binds[i] == c) binds[i] = NULL;
    for (int i = 0; c->sent && i < SLOTS; i++)
        if (c->sent[i].id) {
            c->sent[i].due = now();
            put(&again, &c->sent[i]);
        }
    seen.closed += c->kind == SMPP;
    close(c->fd);
    free(c->sent);
    free(c->in);
    free(c->out.bytes);
    free(c);
}

static void readable(struct connection *c) {
    if (c->room - c->got < 1 << 15) {
        c->room = c->room ? c->room * 2 : 1 << 17;
        c->in = need(realloc(c->in, c->room + 1));
    }
    ssize_t size = recv(c->fd, c->in + c->got, c->room - c->got, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
        c->broken = 1;
        return;
    }
    c->got += (size_t)size;
    size_t used = c->kind == SMPP ? smpp_input(c)
        : c->kind == HTTP ? http_input(c) : control_input(c);
    memmove(c->in, c->in + used, c->got - used);
    c->got -= used;
    push_out(c);
}

static void read_options(int argc, char **argv, int *ports) {
    int letter;
    while ((letter = getopt(argc, argv, "s:h:c:d:w:k:v:")) > 0) switch (letter) {
        case 's': ports[SMPP] = atoi(optarg); break;
        case 'h': ports[HTTP] = atoi(optarg); break;
        case 'c': ports[CONTROL] = atoi(optarg); break;
        case 'd': option.delay = atoi(optarg) / 1e3; break;
        case 'w': option.window = atoi(optarg); break;
        case 'k': option.id = optarg; break;
        case 'v': option.status = optarg; break;
        default: exit(2);
        }
    if (option.window < 1 || option.window >= SLOTS) option.window = SLOTS - 1;
}

int main(int argc, char **argv) {
    int ports[3] = {0, 0, 0};
    struct epoll_event events[256];
    read_options(argc, argv, ports);
    end_with_parent();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int kind = SMPP; kind <= CONTROL; kind++) listen_for(kind, &ports[kind]);
    printf("{\"smpp\":%d,\"http\":%d,\"control\":%d}\n", ports[SMPP], ports[HTTP], ports[CONTROL]);
    fflush(stdout);
    for (;;) {
        double wait = send_receipts();
        int count = epoll_wait(epoll, events, 256, (int)(wait * 1e3) + 1);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (c->kind & LISTENER) {
                accept_all(c);
                continue;
            }
            if (events[i].events & EPOLLOUT) push_out(c);
            if (events[i].events & ~EPOLLOUT) readable(c);
            if (c->broken) end(c);
        }
    }
}
