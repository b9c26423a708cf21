// The SMSC's side of SMPP 3.4: binds, submits, receipts.
#define _GNU_SOURCE
#include "sink.h"

enum { LONGEST_PDU = 1 << 16 };

static struct queue fresh, again; // again: refused or unacknowledged ones
static struct queue slow;         // submits that wait for their answer; bind, sequence in it
static uint64_t next_id = 1000000000;
static char stamp[16];

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

static void put_receipt(uint8_t **pdu, const struct receipt *r) {
    char id[24], text[160];
    size_t id_size = (size_t)(decimal(id, r->id) - id) + 1;
    char *t = stpcpy(stpcpy(stpcpy(text, "id:"), id), " sub:001 dlvrd:001 submit date:");
    t = stpcpy(stpcpy(stpcpy(t, stamp), " done date:"), stamp);
    t = stpcpy(t, " stat:DELIVRD err:000 text:");
    uint8_t *p = *pdu;
    *p++ = (uint8_t)(t - text);
    memcpy(p, text, (size_t)(t - text));
    p += t - text;
    *p++ = 0x00, *p++ = 0x1E, *p++ = 0, *p++ = (uint8_t)id_size; // receipted_message_id
    memcpy(p, id, id_size);
    p += id_size;
    *p++ = 0x04, *p++ = 0x27, *p++ = 0, *p++ = 1, *p++ = 2; // message_state DELIVERED
    *pdu = p;
}

static void put_words(uint8_t **pdu) {
    static const char words[] = "TIPS There is smoke over the harbour, two fire engines";
    *(*pdu)++ = sizeof words - 1;
    memcpy(*pdu, words, sizeof words - 1);
    *pdu += sizeof words - 1;
}

// SMPP 3.4, section 4.6.1 and appendix B.
static void deliver(struct connection *c, const struct receipt *r) {
    c->sequence = c->sequence % 0x7FFFFFFF + 1;
    uint8_t *pdu = reserve(&c->out, 512), *p = pdu + 16;
    *p++ = 0; // service_type
    p = address(p, 1, 1, r->recipient);
    p = address(p, r->source_ton, r->source_npi, r->source);
    *p++ = r->from_phone ? 0 : 4; // esm_class: 4 is a delivery receipt
    memset(p, 0, 8); // protocol, priority, two times, registered, replace, coding, canned
    p += 8;
    if (r->from_phone) put_words(&p);
    else put_receipt(&p, r);
    put_header(pdu, (size_t)(p - pdu), DELIVER_SM, 0, c->sequence);
    c->out.end += (size_t)(p - pdu);
    c->sent[c->sequence % SLOTS] = *r;
    c->window++;
    seen.sent++;
}

void send_from_phones(long count, uint64_t first) {
    struct receipt r = {.due = now(), .from_phone = 1, .source_ton = 3, .source = "2229"};
    for (long i = 0; i < count; i++) {
        r.id = next_id++;
        decimal(r.recipient, first + (uint64_t)i);
        put(&fresh, &r);
    }
    seen.due += count;
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

// Send what is due; the seconds until the next one, or a long while.
double send_receipts(void) {
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

void forget_receipts(void) { fresh.count = again.count = 0; }

void unacknowledged(struct connection *c) {
    for (int i = 0; c->sent && i < SLOTS; i++)
        if (c->sent[i].id) {
            c->sent[i].due = now();
            put(&again, &c->sent[i]);
        }
}

static void answer(struct connection *c, uint32_t command, uint32_t status,
                   uint32_t sequence, const char *text) {
    uint8_t head[16];
    size_t size = text ? strlen(text) + 1 : 0;
    put_header(head, 16 + size, command, status, sequence);
    append(&c->out, head, 16);
    if (text) append(&c->out, text, size);
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

// The SMSC has taken a message: count it, and owe a receipt where one was asked for.
static void taken(struct connection *c, struct receipt *r, uint32_t sequence) {
    char id[24];
    double at = now();
    uint64_t to = number(r->recipient);
    decimal(id, r->id);
    answer(c, SUBMIT_SM | RESPONSE, 0, sequence, id);
    if (!seen.submits++) seen.first = at;
    seen.last = at;
    if (!add(&recipients, to)) seen.doubles++;
    if (to - watched.first < watched.count && !watched.times[to - watched.first])
        watched.times[to - watched.first] = at;
    if (r->wanted) {
        r->due = at + option.delay;
        seen.due++;
        put(&fresh, r);
    }
}

static struct connection *bind_of(uint32_t serial) {
    for (int i = 0; i < MOST_BINDS; i++)
        if (binds[i] && binds[i]->serial == serial) return binds[i];
    return NULL;
}

// A submit whose connection ended meanwhile is one that the SMSC never took.
double answer_submits(void) {
    double at = now();
    while (slow.count) {
        struct receipt *r = &slow.at[slow.head];
        if (r->due > at && option.rate > 0) return r->due - at;
        struct connection *c = bind_of(r->bind);
        if (c && !c->broken) taken(c, r, r->sequence);
        pop(&slow); // send_receipts, which comes next, sends the answers
    }
    return 3600;
}

// SMPP 3.4, section 4.4.1.
static void submitted(struct connection *c, const uint8_t *pdu, size_t length) {
    const uint8_t *end = pdu + length, *p = text_field(pdu + 16, end, NULL, 0);
    struct receipt r = {.due = now(), .bind = c->serial, .sequence = get32(pdu + 12)};
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
    r.wanted = option.receipts && (*p & 1); // 1: any final state, 3: success; 2: failure only
    if (option.rate <= 0 && !slow.count) {
        taken(c, &r, r.sequence);
        return;
    }
    static double last;
    double next = option.rate > 0 ? last + 1 / option.rate : 0;
    r.due = last = next > r.due ? next : r.due;
    put(&slow, &r);
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

size_t smpp_input(struct connection *c) {
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
