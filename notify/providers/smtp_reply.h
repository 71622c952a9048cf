/*
 * The reply of an SMTP server, put together from its lines: "250-first", "250 last" is one reply
 * with the text "first\nlast". Pure; one thread.
 */
#ifndef NOTIFY_PROVIDERS_SMTP_REPLY_H
#define NOTIFY_PROVIDERS_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* Bytes of text kept, with its NUL; RFC 5321 allows 512 a line, and longer replies are cut. */
#define SMTP_REPLY_TEXT_SIZE 700

struct smtp_reply {
    int code;   /* of the latest reply, 200 to 599; 0 before the first line */
    bool whole; /* its last line has come */
    size_t len;
    char
        text[SMTP_REPLY_TEXT_SIZE]; /* without codes, NUL-terminated, printable: controls are '?' */
};

/* Forgets the reply. */
void smtp_reply_clear(struct smtp_reply *reply);

/*
 * Takes one line of the server, with or without its CRLF. A line after the last one of a reply
 * begins a new reply. Lines that are none are ignored.
 */
void smtp_reply_line(struct smtp_reply *reply, struct span line);

#endif
