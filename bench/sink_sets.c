// A set of numbers, and a queue of receipts; both grow.
#include "sink.h"

static size_t place(const struct set *s, uint64_t key) {
    size_t at = (size_t)(key * 0x9E3779B97F4A7C15u >> 20) & (s->room - 1);
    while (s->keys[at] && s->keys[at] != key) at = (at + 1) & (s->room - 1);
    return at;
}

int add(struct set *s, uint64_t key) {
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

void empty(struct set *s) {
    free(s->keys);
    *s = (struct set){0};
}

void put(struct queue *q, const struct receipt *r) {
    if (q->count == q->room) {
        size_t room = q->room ? q->room * 2 : 1 << 14;
        struct receipt *at = need(malloc(room * sizeof *at));
        for (size_t i = 0; i < q->count; i++) at[i] = q->at[(q->head + i) % q->room];
        free(q->at);
        *q = (struct queue){.at = at, .count = q->count, .room = room};
    }
    q->at[(q->head + q->count++) % q->room] = *r;
}

void pop(struct queue *q) {
    q->head = (q->head + 1) % q->room;
    q->count--;
}
