/* Connections, waiting, signals and start of the SMTP sink. */
#include "sink.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_PER_TURN 256
#define LISTEN_BACKLOG 4096

uint64_t sink_now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "smtp_sink: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(struct sink *sink, int op, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(sink->epoll_fd, op, fd, &event) != 0)
        die("epoll_ctl");
}

void sink_wait_for_turn(struct sink *sink, struct client *client)
{
    client->due_ns = sink_now_ns(CLOCK_MONOTONIC) + sink->delay_ns;
    client->next_due = NULL;
    if (sink->due_tail != NULL)
        sink->due_tail->next_due = client;
    else
        sink->due_head = client;
    sink->due_tail = client;
}

static void close_client(struct sink *sink, struct client *client)
{
    struct client *previous = NULL;
    for (struct client *at = client->due_ns != 0 ? sink->due_head : NULL; at != NULL;
         at = at->next_due) {
        if (at == client) {
            *(previous != NULL ? &previous->next_due : &sink->due_head) = client->next_due;
            if (sink->due_tail == client)
                sink->due_tail = previous;
            break;
        }
        previous = at;
    }
    close(client->fd);
    free(client);
    sink->counters->open--;
}

/* Writes what is pending. Returns false when the client is gone (and freed). */
static bool flush_client(struct sink *sink, struct client *client)
{
    if (client->out_len > 0) {
        ssize_t n = send(client->fd, client->out, client->out_len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            close_client(sink, client);
            return false;
        }
        size_t sent = n > 0 ? (size_t)n : 0;
        memmove(client->out, client->out + sent, client->out_len - sent);
        client->out_len -= sent;
    }
    if (client->closing && client->out_len == 0) {
        close_client(sink, client);
        return false;
    }
    return true;
}

/*
 * Asks epoll for what can be used now. While a reply is held back, or nobody reads the replies,
 * nothing is read, so that the kernel slows the sender down.
 */
static void ask_events(struct sink *sink, struct client *client)
{
    uint32_t events = client->out_len > 0 ? EPOLLOUT : 0U;
    if (client->due_ns == 0 && client->in_len < INPUT_BYTES)
        events |= EPOLLIN;
    if (events == client->events)
        return;
    client->events = events;
    watch(sink, EPOLL_CTL_MOD, client->fd, events, client);
}

/* Answers what has arrived for as long as the replies can be sent. The client may be gone after. */
static void advance(struct sink *sink, struct client *client, bool ripe)
{
    size_t before = 0;
    do {
        before = client->in_len;
        sink_consume(sink, client, ripe);
        ripe = false;
        if (!flush_client(sink, client))
            return;
    } while (client->in_len != before && client->due_ns == 0);
    ask_events(sink, client);
}

static void serve_client(struct sink *sink, struct client *client, uint32_t events)
{
    if (client->due_ns != 0) {
        if ((events & (EPOLLHUP | EPOLLERR)) != 0)
            close_client(sink, client);
        else if (flush_client(sink, client))
            ask_events(sink, client);
        return;
    }
    if (!flush_client(sink, client))
        return;
    size_t room = INPUT_BYTES - client->in_len;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && room > 0) {
        ssize_t n = recv(client->fd, client->in + client->in_len, room, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            close_client(sink, client);
            return;
        }
        client->in_len += n > 0 ? (size_t)n : 0;
    }
    advance(sink, client, false);
}

static void serve_due(struct sink *sink)
{
    uint64_t now = sink_now_ns(CLOCK_MONOTONIC);
    while (sink->due_head != NULL && sink->due_head->due_ns <= now) {
        struct client *client = sink->due_head;
        sink->due_head = client->next_due;
        if (sink->due_head == NULL)
            sink->due_tail = NULL;
        client->due_ns = 0;
        advance(sink, client, true);
    }
}

static void accept_clients(struct sink *sink)
{
    for (;;) {
        int fd = accept4(sink->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct client *client = calloc(1, sizeof *client);
        if (client == NULL) {
            close(fd);
            return;
        }
        client->fd = fd;
        struct counters *counters = sink->counters;
        counters->connections++;
        if (++counters->open > counters->peak)
            counters->peak = counters->open;
        client->events = EPOLLIN;
        watch(sink, EPOLL_CTL_ADD, fd, EPOLLIN, client);
        if (counters->refuse != 0) {
            counters->refused++;
            client->closing = true;
            sink_reply(client, "421 4.3.2 not now\r\n");
        } else {
            sink_reply(client, "220 sink ESMTP\r\n");
        }
        if (flush_client(sink, client))
            ask_events(sink, client);
    }
}

static void handle_signal(struct sink *sink)
{
    struct signalfd_siginfo info;
    if (read(sink->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    const struct counters *c = sink->counters;
    printf("mails=%llu recipients=%llu bytes=%llu connections=%llu open=%llu peak=%llu "
           "commands=%llu refused=%llu\n",
           (unsigned long long)c->mails, (unsigned long long)c->recipients,
           (unsigned long long)c->bytes, (unsigned long long)c->connections,
           (unsigned long long)c->open, (unsigned long long)c->peak,
           (unsigned long long)c->commands, (unsigned long long)c->refused);
    fflush(stdout);
    sink->stopping = info.ssi_signo != SIGUSR1;
}

static int wait_ms(const struct sink *sink)
{
    if (sink->due_head == NULL)
        return -1;
    uint64_t now = sink_now_ns(CLOCK_MONOTONIC);
    uint64_t due = sink->due_head->due_ns;
    return due <= now ? 0 : (int)((due - now + 999999U) / 1000000U);
}

static void run(struct sink *sink)
{
    struct epoll_event events[EVENTS_PER_TURN];
    while (!sink->stopping) {
        int n = epoll_wait(sink->epoll_fd, events, EVENTS_PER_TURN, wait_ms(sink));
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &sink->listen_fd)
                accept_clients(sink);
            else if (events[i].data.ptr == &sink->signal_fd)
                handle_signal(sink);
            else
                serve_client(sink, events[i].data.ptr, events[i].events);
        }
        serve_due(sink);
        if (sink->ids != NULL)
            fflush(sink->ids);
        if (sink->keep != NULL)
            fflush(sink->keep);
    }
}

static void open_listener(struct sink *sink, uint16_t port)
{
    sink->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    if (sink->listen_fd < 0 ||
        setsockopt(sink->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(sink->listen_fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(sink->listen_fd, LISTEN_BACKLOG) != 0)
        die("listening");
    watch(sink, EPOLL_CTL_ADD, sink->listen_fd, EPOLLIN, &sink->listen_fd);
}

static void open_counters(struct sink *sink, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, sizeof(struct counters)) != 0)
        die(path);
    sink->counters = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (sink->counters == MAP_FAILED)
        die(path);
    close(fd);
    sink->counters->open = 0;
}

static void open_signals(struct sink *sink)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    sink->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (sink->signal_fd < 0)
        die("signalfd");
    watch(sink, EPOLL_CTL_ADD, sink->signal_fd, EPOLLIN, &sink->signal_fd);
}

static FILE *open_output(const char *path)
{
    FILE *file = fopen(path, "ae");
    if (file == NULL)
        die(path);
    return file;
}

static uint64_t number_argument(const char *text, uint64_t max)
{
    uint64_t value = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (!isdigit((unsigned char)*at) || value > max) {
            fprintf(stderr, "smtp_sink: not a number up to %llu: %s\n", (unsigned long long)max,
                    text);
            exit(2);
        }
        value = value * 10 + (uint64_t)(*at - '0');
    }
    return value;
}

int main(int argc, char **argv)
{
    struct sink sink = {.max_size = 33554432};
    const char *counters_path = NULL;
    uint16_t port = 0;
    int option = 0;
    while ((option = getopt(argc, argv, "p:c:d:i:k:s:")) != -1) {
        switch (option) {
        case 'p':
            port = (uint16_t)number_argument(optarg, 65535);
            break;
        case 'c':
            counters_path = optarg;
            break;
        case 'd':
            sink.delay_ns = number_argument(optarg, 60000) * 1000000U;
            break;
        case 'i':
            sink.ids = open_output(optarg);
            break;
        case 'k':
            sink.keep = open_output(optarg);
            break;
        case 's':
            sink.max_size = number_argument(optarg, 1U << 30);
            break;
        default:
            port = 0;
            break;
        }
    }
    if (port == 0 || counters_path == NULL) {
        fprintf(stderr, "usage: smtp_sink -p PORT -c COUNTERS [-d MS for each reply] [-i IDS] [-k "
                        "MAILS] [-s MAX]\n");
        return 2;
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    sink.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (sink.epoll_fd < 0)
        die("epoll_create1");
    open_counters(&sink, counters_path);
    open_signals(&sink);
    open_listener(&sink, port);
    run(&sink);
    return 0;
}
