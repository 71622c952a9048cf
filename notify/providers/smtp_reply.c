#include "notify/providers/smtp_reply.h"

#include <string.h>

#define CODE_LEN 3

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct span without_end(struct span line)
{
    while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    return line;
}

static void add_text(struct smtp_reply *reply, struct span text)
{
    for (size_t i = 0; i < text.len && reply->len < sizeof reply->text - 1; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        reply->text[reply->len++] = c < ' ' || c == 0x7F ? '?' : text.ptr[i];
    }
    reply->text[reply->len] = '\0';
}

void smtp_reply_clear(struct smtp_reply *reply)
{
    memset(reply, 0, sizeof *reply);
}

void smtp_reply_line(struct smtp_reply *reply, struct span line)
{
    struct span text = without_end(line);

    if (text.len < CODE_LEN || text.ptr[0] < '2' || text.ptr[0] > '5' || !is_digit(text.ptr[1]) ||
        !is_digit(text.ptr[2]))
        return;
    if (reply->whole)
        smtp_reply_clear(reply);
    if (reply->code != 0 && reply->len < sizeof reply->text - 1) {
        reply->text[reply->len++] = '\n';
        reply->text[reply->len] = '\0';
    }
    reply->code = (text.ptr[0] - '0') * 100 + (text.ptr[1] - '0') * 10 + (text.ptr[2] - '0');
    reply->whole = text.len == CODE_LEN || text.ptr[CODE_LEN] != '-';
    if (text.len > CODE_LEN + 1)
        add_text(reply, (struct span){text.ptr + CODE_LEN + 1, text.len - CODE_LEN - 1});
}
