/*
 * Renders templates for compare.py. Standard input holds cases, each a source and a JSON object,
 * both as four bytes of length (big-endian) and that many bytes; standard output gets, for each,
 * the result code and the line of an error as four bytes each, then the output or the error text
 * with its length.
 */
#include "jinja/jinja.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_u32(uint32_t *value)
{
    unsigned char b[4];
    if (fread(b, 1, sizeof b, stdin) != sizeof b)
        return false;
    *value = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return true;
}

static void write_u32(uint32_t value)
{
    unsigned char b[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                          (unsigned char)(value >> 8), (unsigned char)value};
    fwrite(b, 1, sizeof b, stdout);
}

/* Returns a buffer for the caller to free, or NULL at the end of input. */
static char *read_text(uint32_t *len)
{
    if (!read_u32(len))
        return NULL;
    char *text = malloc((size_t)*len + 1);
    if (text && fread(text, 1, *len, stdin) != *len) {
        free(text);
        return NULL;
    }
    return text;
}

static void answer(enum jinja_result code, unsigned line, const char *text, size_t len)
{
    write_u32((uint32_t)code);
    write_u32(line);
    write_u32((uint32_t)len);
    fwrite(text, 1, len, stdout);
    fflush(stdout);
}

static void render(const char *source, size_t source_len, const char *data, size_t data_len)
{
    struct jinja_template *tmpl = NULL;
    struct jinja_error err = {JINJA_OK, 0, ""};
    char *text = NULL;
    size_t len = 0;
    enum jinja_result code = jinja_compile(source, source_len, &tmpl, &err);
    if (code == JINJA_OK)
        code = jinja_render(tmpl, data, data_len, NULL, &text, &len, &err);
    if (code == JINJA_OK)
        answer(code, 0, text, len);
    else
        answer(code, err.line, err.text, strlen(err.text));
    jinja_text_free(text, len);
    jinja_template_destroy(tmpl);
}

int main(void)
{
    for (;;) {
        uint32_t source_len = 0;
        uint32_t data_len = 0;
        char *source = read_text(&source_len);
        char *data = source ? read_text(&data_len) : NULL;
        if (data)
            render(source, source_len, data, data_len);
        free(source);
        free(data);
        if (!data)
            return ferror(stdin) || ferror(stdout) ? 1 : 0;
    }
}
