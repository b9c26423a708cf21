// An HTTP GET load generator for loopback: keep-alive, bounded in count and in
// time, a new recipient in each request.
//
// Closed loop (no -r): each connection asks again as soon as it is answered.
// Open loop (-r RATE): request i is due at start + i / RATE whatever the server
// does; its latency runs from that moment, so that a server which stalls is
// charged for all the requests that would have come meanwhile (no coordinated
// omission). It sleeps between the requests instead of spinning: the other side
// needs the core.
//
// It is light because a request is one send of a text made once per connection
// (only the digits of the recipient are written anew) and one recv.
//
// usage: load -p PORT[,PORT...] [-c CONNECTIONS] [-n COUNT] [-t SECONDS]
//             [-r RATE] [-f FIRST_RECIPIENT] [-e EXPECTED_TEXT] PATH
// Each {} in PATH becomes the recipient, FIRST_RECIPIENT + i. An answer is good
// when its status is 2xx and its body contains EXPECTED_TEXT. Prints one JSON line.
#define _GNU_SOURCE
#include "net.h"

enum { MOST_PORTS = 16, MOST_PLACES = 8, MOST_TEXT = 4096, GRACE_SECONDS = 10 };

struct link {
    int fd, port, busy;
    double since;
    char ask[MOST_TEXT];
    size_t asked, got;
    char answer[1 << 14];
};

static struct {
    int ports[MOST_PORTS], port_count, links;
    long count, first;
    double seconds, rate;
    const char *expect, *path;
} option = {.links = 48, .count = 1000000000, .seconds = 300, .first = 4790000000,
            .expect = ""};

static size_t places[MOST_PLACES];
static int place_count, digits, epoll;
static struct link *links, **idle; // idle: a ring, so that every port gets its share
static int idle_first, idle_count, refused;
static long sent, good, bad, lost, reconnects, starved, codes[600];
static uint32_t *latencies, *latenesses; // microseconds
static long answered, room;
static volatile sig_atomic_t stopping;

static void stop(int signal) { stopping = signal; }

static void keep(uint32_t **list, long at, double seconds) {
    if (at >= room) {
        room = room ? room * 2 : 1 << 16;
        latencies = need(realloc(latencies, (size_t)room * sizeof *latencies));
        latenesses = need(realloc(latenesses, (size_t)room * sizeof *latenesses));
    }
    (*list)[at] = seconds > 0 ? (uint32_t)(seconds * 1e6) : 0;
}

static void write_request(struct link *l) {
    char recipient[24];
    int k = snprintf(recipient, sizeof recipient, "%ld", option.first);
    char *to = stpcpy(l->ask, "GET ");
    digits = k;
    place_count = 0;
    for (const char *p = option.path; *p; p++) {
        if (to - l->ask > MOST_TEXT - 128) fail("the path is too long");
        if (p[0] == '{' && p[1] == '}' && place_count < MOST_PLACES) {
            places[place_count++] = (size_t)(to - l->ask);
            to = stpcpy(to, recipient);
            p++;
        } else
            *to++ = *p;
    }
    to += sprintf(to, " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", l->port);
    l->asked = (size_t)(to - l->ask);
}

static void open_link(struct link *l) {
    l->fd = dial(l->port);
    l->got = 0;
    l->busy = 0;
    if (l->fd >= 0) watch(epoll, EPOLL_CTL_ADD, l->fd, EPOLLIN, l);
}

static void rest(struct link *l) {
    l->busy = 0;
    l->got = 0;
    idle[(idle_first + idle_count++) % option.links] = l;
}

static void reopen(struct link *l) {
    close(l->fd);
    open_link(l);
    reconnects++;
    if (l->fd < 0) refused = 1;
}

// The server closed: while it owed an answer, or an idle connection.
static void closed(struct link *l) {
    if (l->busy) {
        lost++;
        rest(l);
    }
    reopen(l);
}

static void ask(double due) {
    struct link *l = idle[idle_first];
    idle_first = (idle_first + 1) % option.links;
    idle_count--;
    long recipient = option.first + sent;
    char text[24];
    for (int i = digits; i--; recipient /= 10) text[i] = (char)('0' + recipient % 10);
    for (int i = 0; i < place_count; i++) memcpy(l->ask + places[i], text, (size_t)digits);
    l->since = due;
    l->busy = 1;
    if (option.rate > 0) keep(&latenesses, sent, now() - due);
    sent++;
    if (send(l->fd, l->ask, l->asked, MSG_NOSIGNAL) != (ssize_t)l->asked) closed(l);
}

// The length of a whole answer; 0 when more must come, -1 when it has no length.
static long whole(struct link *l, char **body) {
    l->answer[l->got] = 0;
    char *end = strstr(l->answer, "\r\n\r\n");
    if (!end) return 0;
    *body = end + 4;
    char *length = strcasestr(l->answer, "\r\ncontent-length:");
    if (length && length < end) {
        long size = *body - l->answer + strtol(length + 17, NULL, 10);
        return (long)l->got >= size ? size : 0;
    }
    char *chunked = strcasestr(l->answer, "\r\ntransfer-encoding: chunked");
    if (!chunked || chunked > end) return -1;
    char *last = strstr(end + 2, "\r\n0\r\n\r\n");
    return last ? last + 7 - l->answer : 0;
}

static void take(struct link *l, double at, const char *body) {
    int status = atoi(l->answer + 9);
    int fine = status >= 200 && status < 300 && strstr(body, option.expect);
    if (status > 0 && status < 600) codes[status]++;
    if (!fine && !bad++) fprintf(stderr, "load: first bad answer: %.300s\n", l->answer);
    good += fine;
    keep(&latencies, answered++, at - l->since);
}

static double readable(struct link *l) {
    ssize_t size = recv(l->fd, l->answer + l->got, sizeof l->answer - 1 - l->got, 0);
    if (size < 0 && errno == EAGAIN) return 0;
    if (size <= 0) {
        closed(l);
        return 0;
    }
    l->got += (size_t)size;
    char *body;
    long length = whole(l, &body);
    if (length == 0 && l->got < sizeof l->answer - 1) return 0;
    double at = now();
    if (length <= 0) {
        fprintf(stderr, "load: an answer without a length, or too long\n");
        exit(1);
    }
    take(l, at, body);
    char *closing = strcasestr(l->answer, "\r\nconnection: close");
    int over = closing && closing < body;
    rest(l);
    if (over) reopen(l);
    return at;
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile(const uint32_t *list, long count, double q) {
    return count ? list[(long)((double)(count - 1) * q)] / 1e3 : 0;
}

static void report(double first, double last) {
    double span = last > first ? last - first : 0;
    long late = option.rate > 0 ? sent : 0;
    qsort(latencies, (size_t)answered, sizeof *latencies, ascending);
    qsort(latenesses, (size_t)late, sizeof *latenesses, ascending);
    printf("{\"sent\":%ld,\"good\":%ld,\"bad\":%ld,\"lost\":%ld,\"reconnects\":%ld,"
           "\"first\":%.6f,\"last\":%.6f,\"seconds\":%.4f,\"per_second\":%.1f,",
           sent, good, bad, lost, reconnects, first, last, span,
           span > 0 ? (double)good / span : 0);
    printf("\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f,",
           quantile(latencies, answered, .5), quantile(latencies, answered, .9),
           quantile(latencies, answered, .99), quantile(latencies, answered, .999),
           quantile(latencies, answered, 1));
    printf("\"late_p99_ms\":%.3f,\"starved\":%ld,\"codes\":{",
           quantile(latenesses, late, .99), starved);
    const char *comma = "";
    for (int i = 0; i < 600; i++)
        if (codes[i]) {
            printf("%s\"%d\":%ld", comma, i, codes[i]);
            comma = ",";
        }
    printf("}}\n");
}

// Ask on every idle connection that has something due; the time of the next one.
static double ask_what_is_due(double start, double until) {
    double at = now();
    while (idle_count && !refused && !stopping && sent < option.count && at < until) {
        double due = option.rate > 0 ? start + (double)sent / option.rate : at;
        if (due > at) return due;
        if (due >= until) return until;
        ask(due);
        at = now();
    }
    if (!idle_count && option.rate > 0 && start + (double)sent / option.rate < at) starved++;
    return 0;
}

static void run(void) {
    struct epoll_event events[256];
    double start = now(), until = start + option.seconds, last = start;
    for (;;) {
        double due = ask_what_is_due(start, until), at = now();
        int over = refused || stopping || sent >= option.count || at >= until;
        if ((over && answered + lost >= sent) || at > until + GRACE_SECONDS) break;
        double wait = over ? until + GRACE_SECONDS - at : (due > 0 ? due : until) - at;
        if (wait < 0) wait = 0;
        struct timespec pause = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
        int count = epoll_pwait2(epoll, events, 256, &pause, NULL);
        for (int i = 0; i < count; i++) {
            double answer = readable(events[i].data.ptr);
            if (answer > 0) last = answer;
            ask_what_is_due(start, until);
        }
    }
    report(start, last);
}

static void read_options(int argc, char **argv) {
    int letter;
    while ((letter = getopt(argc, argv, "p:c:n:t:r:f:e:")) > 0) switch (letter) {
        case 'p':
            for (char *p = strtok(optarg, ","); p && option.port_count < MOST_PORTS;
                 p = strtok(NULL, ","))
                option.ports[option.port_count++] = atoi(p);
            break;
        case 'c': option.links = atoi(optarg); break;
        case 'n': option.count = atol(optarg); break;
        case 't': option.seconds = atof(optarg); break;
        case 'r': option.rate = atof(optarg); break;
        case 'f': option.first = atol(optarg); break;
        case 'e': option.expect = optarg; break;
        default: exit(2);
        }
    option.path = argv[optind];
    if (!option.port_count || !option.path || option.links < 1) {
        fprintf(stderr, "usage: load -p PORT[,PORT...] [-c CONNECTIONS] [-n COUNT] "
                        "[-t SECONDS] [-r RATE] [-f FIRST] [-e TEXT] PATH\n");
        exit(2);
    }
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    end_with_parent();
    signal(SIGTERM, stop); // ask no more, wait for the answers, report
    prctl(PR_SET_TIMERSLACK, 1000); // wake within a microsecond or so, not 50
    epoll = epoll_create1(EPOLL_CLOEXEC);
    links = need(calloc((size_t)option.links, sizeof *links));
    idle = need(calloc((size_t)option.links, sizeof *idle));
    for (int i = 0; i < option.links; i++) {
        links[i].port = option.ports[i % option.port_count];
        open_link(&links[i]);
        if (links[i].fd < 0) fail("connect");
        write_request(&links[i]);
        rest(&links[i]);
    }
    run();
    return bad || lost || good != sent;
}
