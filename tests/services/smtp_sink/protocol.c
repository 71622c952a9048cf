/* What an SMTP client is told, and what of its mails is counted and kept. */
#include "sink.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

void sink_reply(struct client *client, const char *text)
{
    size_t len = strlen(text);
    assert(len <= OUTPUT_BYTES - client->out_len);
    memcpy(client->out + client->out_len, text, len);
    client->out_len += len;
}

static void reset_mail(struct client *client)
{
    client->has_from = false;
    client->recipients = 0;
    client->first_recipient[0] = '\0';
    client->id[0] = '\0';
    client->id_follows = false;
    client->mail_bytes = 0;
}

/* Copies what stands between the first '<' and the next '>', or else the first word. */
static void copy_address(char *to, const char *text, size_t len)
{
    const char *start = memchr(text, '<', len);
    const char *end = text + len;
    if (start != NULL) {
        start++;
        const char *close = memchr(start, '>', (size_t)(end - start));
        if (close != NULL)
            end = close;
    } else {
        start = text;
        while (start < end && isspace((unsigned char)*start))
            start++;
    }
    size_t n = 0;
    while (start < end && n < WORD_BYTES - 1 && !isspace((unsigned char)*start))
        to[n++] = *start++;
    to[n] = '\0';
}

/* The value of SIZE= in the parameters of MAIL, 0 when it is absent or no number. */
static uint64_t declared_size(const char *line, size_t len)
{
    for (size_t i = 0; i + 5 <= len; i++) {
        if (strncasecmp(line + i, "SIZE=", 5) != 0)
            continue;
        uint64_t size = 0;
        for (i += 5; i < len && isdigit((unsigned char)line[i]) && size < UINT64_MAX / 16; i++)
            size = size * 10 + (uint64_t)(line[i] - '0');
        return size;
    }
    return 0;
}

static bool starts(const char *line, size_t len, const char *word)
{
    size_t n = strlen(word);
    return len >= n && strncasecmp(line, word, n) == 0;
}

static void command_mail(struct sink *sink, struct client *client, const char *line, size_t len)
{
    if (client->has_from) {
        sink_reply(client, "503 5.5.1 nested MAIL\r\n");
    } else if (declared_size(line, len) > sink->max_size) {
        sink_reply(client, "552 5.3.4 message too big\r\n");
    } else {
        client->has_from = true;
        sink_reply(client, "250 2.1.0 OK\r\n");
    }
}

static void command_rcpt(struct client *client, const char *line, size_t len)
{
    if (!client->has_from) {
        sink_reply(client, "503 5.5.1 MAIL first\r\n");
        return;
    }
    if (client->recipients++ == 0)
        copy_address(client->first_recipient, line + 8, len - 8);
    sink_reply(client, "250 2.1.5 OK\r\n");
}

static void command_data(struct sink *sink, struct client *client)
{
    if (client->recipients == 0) {
        sink_reply(client, "503 5.5.1 RCPT first\r\n");
        return;
    }
    client->phase = PHASE_HEADER;
    client->mail_bytes = 0;
    if (sink->keep != NULL)
        fprintf(sink->keep, "=== RCPT TO %s\r\n", client->first_recipient);
    sink_reply(client, "354 go ahead\r\n");
}

static void command(struct sink *sink, struct client *client, const char *line, size_t len)
{
    sink->counters->commands++;
    if (sink->counters->refuse != 0) {
        sink->counters->refused++;
        sink_reply(client, "421 4.3.2 not now\r\n");
        client->closing = true;
    } else if (starts(line, len, "EHLO")) {
        char text[160];
        snprintf(text, sizeof text,
                 "250-sink\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n250 "
                 "ENHANCEDSTATUSCODES\r\n",
                 (unsigned long long)sink->max_size);
        reset_mail(client);
        sink_reply(client, text);
    } else if (starts(line, len, "HELO")) {
        reset_mail(client);
        sink_reply(client, "250 sink\r\n");
    } else if (starts(line, len, "MAIL FROM:")) {
        command_mail(sink, client, line, len);
    } else if (starts(line, len, "RCPT TO:")) {
        command_rcpt(client, line, len);
    } else if (starts(line, len, "DATA")) {
        command_data(sink, client);
    } else if (starts(line, len, "RSET")) {
        reset_mail(client);
        sink_reply(client, "250 2.0.0 OK\r\n");
    } else if (starts(line, len, "NOOP")) {
        sink_reply(client, "250 2.0.0 OK\r\n");
    } else if (starts(line, len, "QUIT")) {
        sink_reply(client, "221 2.0.0 bye\r\n");
        client->closing = true;
    } else {
        sink_reply(client, "500 5.5.2 not understood\r\n");
    }
}

static void end_of_mail(struct sink *sink, struct client *client)
{
    client->phase = PHASE_COMMAND;
    if (client->mail_bytes > sink->max_size) {
        sink_reply(client, "552 5.3.4 message too big\r\n");
    } else if (sink->counters->refuse != 0) {
        sink->counters->refused++;
        sink_reply(client, "421 4.3.2 not now\r\n");
        client->closing = true;
    } else {
        sink->counters->recipients += client->recipients;
        sink->counters->bytes += client->mail_bytes;
        if (sink->ids != NULL) {
            uint64_t now = sink_now_ns(CLOCK_REALTIME);
            fprintf(sink->ids, "%llu.%06llu %s %s\n", (unsigned long long)(now / 1000000000U),
                    (unsigned long long)(now % 1000000000U / 1000U), client->first_recipient,
                    client->id[0] != '\0' ? client->id : "-");
        }
        sink->counters->mails++;
        sink_reply(client, "250 2.0.0 accepted\r\n");
    }
    sink->counters->commands++;
    reset_mail(client);
}

static void header_line(struct client *client, const char *line, size_t len)
{
    if (len == 0) {
        client->phase = PHASE_BODY;
    } else if (client->id_follows && (line[0] == ' ' || line[0] == '\t')) {
        copy_address(client->id, line, len);
        client->id_follows = false;
    } else if (starts(line, len, "Message-ID:")) {
        copy_address(client->id, line + 11, len - 11);
        client->id_follows = client->id[0] == '\0';
    } else {
        client->id_follows = false;
    }
}

/* One line of a mail, without its line end; WHOLE is false for the start of a very long one. */
static void mail_line(struct sink *sink, struct client *client, const char *line, size_t len,
                      bool whole)
{
    if (!client->mid_line && whole && len == 1 && line[0] == '.') {
        end_of_mail(sink, client);
        return;
    }
    if (!client->mid_line && len > 0 && line[0] == '.') {
        line++;
        len--;
    }
    client->mail_bytes += len + (whole ? 2 : 0);
    if (sink->keep != NULL) {
        fwrite(line, 1, len, sink->keep);
        fwrite("\r\n", 1, whole ? 2 : 0, sink->keep);
    }
    if (client->phase == PHASE_HEADER && !client->mid_line)
        header_line(client, line, len);
    client->mid_line = !whole;
}

void sink_consume(struct sink *sink, struct client *client, bool ripe)
{
    size_t at = 0;
    bool cut = false; /* the last line is not whole */
    while (!client->closing && at < client->in_len &&
           OUTPUT_BYTES - client->out_len >= REPLY_BYTES) {
        const char *line = client->in + at;
        const char *end = memchr(line, '\n', client->in_len - at);
        bool in_mail = client->phase != PHASE_COMMAND;
        cut = end == NULL;
        if (cut)
            break;
        size_t len = (size_t)(end - line);
        at += len + 1;
        if (len > 0 && line[len - 1] == '\r')
            len--;
        bool answered = !in_mail || (len == 1 && line[0] == '.' && !client->mid_line);
        if (answered && sink->delay_ns > 0 && !ripe) {
            at = (size_t)(line - client->in);
            sink_wait_for_turn(sink, client);
            break;
        }
        ripe = ripe && !answered;
        if (in_mail)
            mail_line(sink, client, line, len, true);
        else
            command(sink, client, line, len);
    }
    if (cut && at == 0 && client->in_len == INPUT_BYTES) {
        if (client->phase == PHASE_COMMAND) {
            sink_reply(client, "500 5.5.2 line too long\r\n");
            client->closing = true;
        } else {
            mail_line(sink, client, client->in, client->in_len - 1, false);
            at = client->in_len - 1; /* the last byte stays: it may be the CR of the line's end */
        }
    }
    memmove(client->in, client->in + at, client->in_len - at);
    client->in_len -= at;
}
