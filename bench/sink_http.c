// The customer's callback URL: every request is answered with 200 and counted.
#define _GNU_SOURCE
#include "sink.h"

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

size_t http_input(struct connection *c) {
    char reply[128];
    size_t at = 0, reply_size = (size_t)sprintf(
        reply, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
        strlen(option.answer), option.answer);
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
        append(&c->out, reply, reply_size);
        at += size;
        if (header(head, end, "\r\nconnection: close")) {
            push_out(c);
            c->broken = 1;
            return at;
        }
    }
}
