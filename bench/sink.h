// The parts of the sink: what they share, and what they offer each other.
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include "net.h"

enum { LISTENER = 8, SMPP = 0, HTTP = 1, CONTROL = 2 };
enum { MOST_BINDS = 64, SLOTS = 4096, MOST_STATUSES = 8 };

// One receipt, from the submit until its acknowledgement; or a message from a phone,
// whose number is the recipient and which goes to the source.
struct receipt {
    double due;
    uint64_t id;
    int from_phone;
    int wanted;        // a submit asked for it
    uint32_t bind;     // serial of the connection that submitted
    uint32_t sequence; // of the submit
    uint8_t source_ton, source_npi;
    char source[22], recipient[22];
};

struct queue {
    struct receipt *at;
    size_t head, count, room;
};

struct set { // of 64-bit keys other than 0, open addressing
    uint64_t *keys;
    size_t count, room;
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

struct options {
    double delay, rate; // rate: submits answered a second; 0 is at once
    int window, receipts, down; // down: every connection of a client is closed
    const char *id, *status, *answer;
};

struct watch { // recipients whose time of arrival is kept, from the first on
    uint64_t first;
    size_t count;
    double *times; // 0: not yet
};

struct counts {
    long submits, doubles, unread, due, sent, acknowledged, refused, again, binds, unbinds,
        closed, pushes, push_doubles, push_other;
    double first, last, push_first, push_last, receipt_last;
    struct { char value[16]; long count; } statuses[MOST_STATUSES];
};

// sink.c
extern struct options option;
extern struct counts seen;
extern struct set recipients, pushes;
extern struct connection *binds[MOST_BINDS];
extern struct watch watched;
void push_out(struct connection *c);

// sink_sets.c
int add(struct set *s, uint64_t key); // true when the key is new
void empty(struct set *s);
void put(struct queue *q, const struct receipt *r);
void pop(struct queue *q);

// sink_smpp.c and sink_http.c: use up input, say how much of it
size_t smpp_input(struct connection *c);
size_t http_input(struct connection *c);
double answer_submits(void); // those that are due at the rate; as send_receipts
double send_receipts(void); // what is due; seconds until the next one
void forget_receipts(void);
void send_from_phones(long count, uint64_t first); // each from a number of its own
void unacknowledged(struct connection *c); // it ends: its receipts go out again

#endif
