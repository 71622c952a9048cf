/* The email rule of Django 5.2's EmailValidator, its patterns written out by hand. */
#include <arpa/inet.h>
#include <string.h>

#include "notify/rules/channel.h"
#include "notify/rules/python_text.h"

/* Characters of an address (RFC 3696 section 3) and of one label of a domain (RFC 1034). */
#define ADDRESS_MAX 320
#define LABEL_MAX 63

/* "xn--" and at most this many letters and digits make a top level domain in punycode. */
#define PUNYCODE_MAX 59

static bool is_ascii_alnum(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* What Django counts as a letter of an internationalised domain. */
static bool is_wide_letter(uint32_t c)
{
    return c >= 0xA1 && c <= 0xFFFF;
}

static bool is_atom(char c)
{
    return is_ascii_alnum((unsigned char)c) || (c != '\0' && strchr("-!#$%&'*+/=?^_`{}|~", c));
}

/* Atoms separated by single dots. */
static bool is_dot_atom(struct span s)
{
    bool expect_atom = true;

    for (size_t i = 0; i < s.len; i++) {
        if (is_atom(s.ptr[i]))
            expect_atom = false;
        else if (s.ptr[i] == '.' && !expect_atom)
            expect_atom = true;
        else
            return false;
    }
    return !expect_atom;
}

/* What may follow a backslash in a quoted local part: ASCII without NUL, newline and carriage
 * return. */
static bool is_quotable(unsigned char c)
{
    return c >= 0x01 && c <= 0x7F && c != '\n' && c != '\r';
}

static bool is_quoted_string(struct span s)
{
    size_t i = 1;

    if (s.len < 2 || s.ptr[0] != '"' || s.ptr[s.len - 1] != '"')
        return false;
    while (i < s.len - 1) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c == '\\') {
            i++;
            if (i == s.len - 1 || !is_quotable((unsigned char)s.ptr[i]))
                return false;
        } else if (!is_quotable(c) || c == '\t' || c == ' ' || c == '"') {
            return false;
        }
        i++;
    }
    return true;
}

/* What a label is made of, beyond its length and its ends. */
struct label_kinds {
    size_t length; /* characters */
    bool digits;   /* has an ASCII digit */
    bool ok;       /* letters, digits and inner dashes only */
};

static struct label_kinds scan_label(struct span label)
{
    struct label_kinds kinds = {.ok = label.len > 0};

    if (label.len > 0 && (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-'))
        kinds.ok = false;
    while (label.len > 0) {
        size_t len;
        uint32_t c = python_text_next(label, &len);
        bool valid = len > 1 || c < 0x80;

        kinds.ok = kinds.ok && valid && (is_ascii_alnum(c) || c == '-' || is_wide_letter(c));
        kinds.digits = kinds.digits || (c >= '0' && c <= '9');
        kinds.length++;
        label.ptr += len;
        label.len -= len;
    }
    kinds.ok = kinds.ok && kinds.length <= LABEL_MAX;
    return kinds;
}

static bool is_punycode(struct span label)
{
    struct span prefix = {label.ptr, label.len < 4 ? label.len : 4};

    if (!span_is_nocase(prefix, "xn--") || label.len == 4 || label.len > 4 + PUNYCODE_MAX)
        return false;
    for (size_t i = 4; i < label.len; i++) {
        if (!is_ascii_alnum((unsigned char)label.ptr[i]))
            return false;
    }
    return true;
}

static bool is_top_level(struct span label)
{
    struct label_kinds kinds = scan_label(label);

    return kinds.ok && ((kinds.length >= 2 && !kinds.digits) || is_punycode(label));
}

static bool is_domain_name(struct span domain)
{
    struct span label, rest;
    bool more = span_cut(domain, '.', &label, &rest);

    if (!more)
        return false;
    while (more) {
        if (!scan_label(label).ok)
            return false;
        domain = rest;
        more = span_cut(domain, '.', &label, &rest);
    }
    return is_top_level(label);
}

static bool is_ip_literal(struct span domain)
{
    char text[INET6_ADDRSTRLEN + 1];
    unsigned char address[sizeof(struct in6_addr)];
    size_t len;

    if (domain.len < 3 || domain.ptr[0] != '[' || domain.ptr[domain.len - 1] != ']')
        return false;
    len = domain.len - 2;
    if (len >= sizeof text)
        return false;
    memcpy(text, domain.ptr + 1, len);
    text[len] = '\0';
    return strlen(text) == len && strspn(text, "0123456789abcdefABCDEF:.") == len &&
           (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1);
}

bool notify_address_is_django_email(struct span address)
{
    struct span domain = notify_address_domain(address);
    struct span user;

    if (domain.ptr == NULL || python_text_length(address) > ADDRESS_MAX)
        return false;
    user = (struct span){address.ptr, address.len - domain.len - 1};
    if (!is_dot_atom(user) && !is_quoted_string(user))
        return false;
    return span_is(domain, "localhost") || is_domain_name(domain) || is_ip_literal(domain);
}
