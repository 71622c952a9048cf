#include "worker/main/file_name.h"

enum celeriac_err file_name_expand(struct span pattern, struct span nodename, struct strbuf *out)
{
    struct span name;
    struct span host;
    struct span label;
    struct span domain;

    (void)span_cut(nodename, '@', &name, &host);
    (void)span_cut(host, '.', &label, &domain);
    for (size_t i = 0; i < pattern.len; i++) {
        char letter = i + 1 < pattern.len ? pattern.ptr[i + 1] : '\0';

        if (pattern.ptr[i] != '%' || letter == '\0') {
            strbuf_add_char(out, pattern.ptr[i]);
            continue;
        }
        i++;
        if (letter == 'n' || letter == 'h')
            strbuf_add_span(out, letter == 'n' ? name : host);
        else if (letter == 'd' || letter == 'p')
            strbuf_add_span(out, letter == 'd' ? domain : nodename);
        else if (letter == 'i')
            strbuf_add_char(out, '0');
        else if (letter == '%')
            strbuf_add_char(out, '%');
        else if (letter != 'I')
            strbuf_add(out, pattern.ptr + i - 1, 2);
    }
    return strbuf_status(out);
}
