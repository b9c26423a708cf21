// An SMSC and a customer's callback URL in one small process, on loopback.
//
// SMPP: accepts every bind, answers every submit_sm with ESME_ROK and an id,
// and, where registered_delivery asks for it, sends a receipt (text and the TLVs
// receipted_message_id and message_state) a while later, keeping at most WINDOW
// deliver_sm unacknowledged on a connection. A receipt that was refused, or not
// acknowledged before its connection ended, is sent again, as operators do.
// HTTP: answers every request with 200 and counts by two query parameters.
// Control: a line in, a line of JSON out: "stats", "reset", "receipts 0|1", "phones COUNT
// FIRST" (messages from so many phones, from this number on), "id PARAMETER" (as -k),
// "status PARAMETER" (as -v), "answer TEXT" (the body that callbacks are answered with),
// "rate N" (answer so many submits a second, in order; 0: at once), "down 0|1" (hang up
// on SMPP clients, and on each that comes), "watch FIRST COUNT" (keep when these
// recipients were first answered for; "reset" leaves them), "when NUMBER" (tell it).
//
// usage: sink [-s SMPP_PORT] [-h HTTP_PORT] [-c CONTROL_PORT] [-d RECEIPT_DELAY_MS]
//             [-w WINDOW] [-k ID_PARAMETER] [-v STATUS_PARAMETER]
// Ports are free ones unless given; the first line printed tells them as JSON.
#define _GNU_SOURCE
#include "sink.h"

struct options option = {
    .delay = 1, .window = 500, .receipts = 1, .id = "origid", .status = "status",
    .answer = "ok"};
struct counts seen;
struct watch watched;
struct set recipients, pushes;
struct connection *binds[MOST_BINDS];
static int epoll;
static uint32_t serials;

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
    forget_receipts();
    memset(&seen, 0, sizeof seen);
}

static void hang_up(void) {
    for (int i = 0; i < MOST_BINDS; i++)
        if (binds[i]) shutdown(binds[i]->fd, SHUT_RDWR); // its end is read, then closed
}

static void keep_times(uint64_t first, long count) {
    free(watched.times);
    watched = (struct watch){.first = first, .count = (size_t)count};
    watched.times = need(calloc(watched.count, sizeof *watched.times));
}

static void tell_when(struct connection *c, uint64_t number) {
    size_t at = number - watched.first; // wraps below the first
    char *text = (char *)reserve(&c->out, 64);
    c->out.end += (size_t)sprintf(text, "{\"at\":%.6f}\n",
                                  at < watched.count ? watched.times[at] : 0);
}

static void command(struct connection *c, const char *line) {
    static char id[32], status[32], answer[32];
    long count;
    unsigned long long number;
    if (sscanf(line, "when %llu", &number) == 1) {
        tell_when(c, number);
        return;
    }
    if (!strcmp(line, "reset")) reset();
    if (!strncmp(line, "receipts ", 9)) option.receipts = atoi(line + 9);
    if (!strncmp(line, "rate ", 5)) option.rate = atof(line + 5);
    if (!strncmp(line, "down ", 5)) {
        option.down = atoi(line + 5);
        if (option.down) hang_up();
    }
    if (sscanf(line, "phones %ld %llu", &count, &number) == 2) send_from_phones(count, number);
    if (sscanf(line, "watch %llu %ld", &number, &count) == 2 && count > 0)
        keep_times(number, count);
    if (sscanf(line, "id %31s", id) == 1) option.id = id;
    if (sscanf(line, "status %31s", status) == 1) option.status = status;
    if (sscanf(line, "answer %31s", answer) == 1) option.answer = answer;
    tell_stats(c);
}

static size_t control_input(struct connection *c) {
    char *line = (char *)c->in, *end = memchr(line, '\n', c->got);
    if (!end) return 0;
    *end = 0;
    command(c, line);
    return (size_t)(end + 1 - line);
}

// -- the loop ----------------------------------------------------------------

void push_out(struct connection *c) {
    if (c->broken) return;
    if (flush(c->fd, &c->out)) c->broken = 1;
    int waiting = c->out.start < c->out.end;
    if (waiting != c->waiting_to_send && !c->broken)
        watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLIN | (waiting ? EPOLLOUT : 0), c);
    c->waiting_to_send = waiting;
}

static void listen_for(int kind, int *port) {
    struct connection *c = need(calloc(1, sizeof *c));
    c->fd = listen_on(port);
    c->kind = LISTENER | kind;
    watch(epoll, EPOLL_CTL_ADD, c->fd, EPOLLIN, c);
}

static void accept_all(const struct connection *listener) {
    int fd;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (option.down && listener->kind == (LISTENER | SMPP)) {
            close(fd);
            continue;
        }
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
    unacknowledged(c);
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
        double wait = answer_submits(), receipts = send_receipts();
        if (receipts < wait) wait = receipts;
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
