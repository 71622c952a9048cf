#include "notify/rules/channel.h"

static const char *const names[NOTIFY_CHANNEL_COUNT] = {
    [NOTIFY_CHANNEL_EMAIL] = "email",
    [NOTIFY_CHANNEL_SMS] = "sms",
    [NOTIFY_CHANNEL_WHATSAPP] = "whatsapp",
    [NOTIFY_CHANNEL_PUSH] = "push",
};

/* The lengths that the patterns in the header ask for. */
#define TLD_MIN 2
#define PHONE_DIGITS_MIN 7
#define PHONE_DIGITS_MAX 15

const char *notify_channel_name(enum notify_channel channel)
{
    return names[channel];
}

bool notify_channel_parse(struct span name, enum notify_channel *channel)
{
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        if (span_is(name, names[i])) {
            *channel = (enum notify_channel)i;
            return true;
        }
    }
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_local(char c)
{
    return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}

static bool is_domain(char c)
{
    return is_letter(c) || is_digit(c) || c == '.' || c == '-';
}

/* What `$` ignores: one newline at the very end. */
static struct span without_final_newline(struct span s)
{
    if (s.len > 0 && s.ptr[s.len - 1] == '\n')
        s.len--;
    return s;
}

/* Number of bytes at the start of s for which `is` holds. */
static size_t run(struct span s, bool (*is)(char c))
{
    size_t n = 0;

    while (n < s.len && is(s.ptr[n]))
        n++;
    return n;
}

bool notify_address_is_email(struct span address)
{
    struct span s = without_final_newline(address);
    size_t local = run(s, is_local);
    struct span domain;
    size_t tld = 0;

    if (local == 0 || local == s.len || s.ptr[local] != '@')
        return false;
    domain = (struct span){s.ptr + local + 1, s.len - local - 1};
    if (run(domain, is_domain) != domain.len)
        return false;
    while (tld < domain.len && is_letter(domain.ptr[domain.len - 1 - tld]))
        tld++;
    /* Before the letters: a dot, and before that at least one more character. */
    return tld >= TLD_MIN && domain.len - tld >= 2 && domain.ptr[domain.len - 1 - tld] == '.';
}

bool notify_address_is_phone(struct span address)
{
    struct span s = without_final_newline(address);
    struct span digits;

    if (s.len == 0 || s.ptr[0] != '+')
        return false;
    digits = (struct span){s.ptr + 1, s.len - 1};
    return digits.len >= PHONE_DIGITS_MIN && digits.len <= PHONE_DIGITS_MAX &&
           digits.ptr[0] != '0' && run(digits, is_digit) == digits.len;
}

const char *notify_address_problem(enum notify_channel channel, struct span to)
{
    switch (channel) {
    case NOTIFY_CHANNEL_EMAIL:
        return notify_address_is_email(to) ? NULL : "Invalid email address format.";
    case NOTIFY_CHANNEL_SMS:
    case NOTIFY_CHANNEL_WHATSAPP:
        return notify_address_is_phone(to)
                   ? NULL
                   : "Invalid phone number format. Use E.164 format (e.g., +1234567890).";
    case NOTIFY_CHANNEL_PUSH:
        break;
    }
    return NULL;
}

struct span notify_address_domain(struct span address)
{
    size_t start = address.len;

    while (start > 0 && address.ptr[start - 1] != '@')
        start--;
    if (start == 0)
        return (struct span){NULL, 0};
    return (struct span){address.ptr + start, address.len - start};
}
