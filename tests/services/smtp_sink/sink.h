/*
 * An SMTP server that accepts everything at once and counts it: the other side of load and fault
 * tests, where a server that parses mail in an interpreted language would be the bottleneck.
 *
 * One thread, epoll, any number of pipelined commands, thousands of connections. Counters are in a
 * memory-mapped file which the harness reads at any moment and in which it can ask for refusal.
 * It needs nothing but libc, so that the harness can build it before anything else is built.
 * loop.c holds the connections and the waiting, protocol.c what is said on them.
 */
#ifndef TESTS_SERVICES_SMTP_SINK_SINK_H
#define TESTS_SERVICES_SMTP_SINK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* A line longer than this is refused; RFC 5321 asks for 1000 in a mail, some clients send more. */
#define INPUT_BYTES 16384
/* Replies that a pipelining client has not read yet; while it is full no command is answered. */
#define OUTPUT_BYTES 4096
/* More than the longest reply, which is the one to EHLO. */
#define REPLY_BYTES 256
/* RFC 5321 wants 64 octets before the @ and 255 after it; RFC 5322 sets a header line at 998. */
#define WORD_BYTES 1024

/* Layout shared with tests/services/sink.py: native 64-bit words in this order. */
struct counters {
    uint64_t mails;       /* accepted: 250 was put into the reply buffer */
    uint64_t recipients;  /* of accepted mails */
    uint64_t bytes;       /* of accepted mails, as sent */
    uint64_t connections; /* accepted since the start */
    uint64_t open;        /* open now */
    uint64_t peak;        /* most that were open at once */
    uint64_t commands;    /* lines answered */
    uint64_t refused;     /* commands and connections answered with 421 */
    uint64_t refuse;      /* written by the harness: 1 = answer 421 to all and close */
};

enum phase { PHASE_COMMAND, PHASE_HEADER, PHASE_BODY };

struct client {
    int fd;
    uint32_t events; /* what epoll is asked for */
    enum phase phase;
    bool closing;    /* close once the output is written */
    bool has_from;   /* MAIL was accepted */
    bool id_follows; /* the Message-ID header was empty so far: its value is on a folded line */
    bool mid_line;   /* inside a mail line that is longer than the buffer */
    uint64_t mail_bytes;
    uint64_t due_ns; /* with a delay: when the next reply may be given; 0 = not waiting */
    struct client *next_due;
    unsigned recipients;
    size_t in_len, out_len;
    char id[WORD_BYTES];
    char first_recipient[WORD_BYTES];
    char in[INPUT_BYTES];
    char out[OUTPUT_BYTES];
};

struct sink {
    int epoll_fd, listen_fd, signal_fd;
    uint64_t delay_ns;
    uint64_t max_size;
    struct counters *counters;
    FILE *ids;  /* one line for each accepted mail, or NULL */
    FILE *keep; /* the mails themselves, or NULL */
    /* The delay is the same for everybody, so those who wait are in the order of their due times.
     */
    struct client *due_head, *due_tail;
    bool stopping;
};

/* The time of CLOCK in nanoseconds. */
uint64_t sink_now_ns(clockid_t clock);

/* Appends TEXT, less than REPLY_BYTES, to what CLIENT is to be sent; there must be room for it. */
void sink_reply(struct client *client, const char *text);

/* Puts CLIENT at the end of those whose next reply is delayed; sets its due_ns. */
void sink_wait_for_turn(struct sink *sink, struct client *client);

/*
 * Works through the lines that have arrived at CLIENT. With a delay each line that gets a reply
 * first waits its time, as on a server that needs that long for it, pipelined or not; RIPE says
 * that the wait for the first of them is over. Stops when there is no room for another reply.
 */
void sink_consume(struct sink *sink, struct client *client, bool ripe);

#endif
