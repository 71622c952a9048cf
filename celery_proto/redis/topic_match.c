#include "celery_proto/redis/topic_match.h"

#include <stdint.h>
#include <string.h>

/* One position of the pattern: what it takes, and how often. */
struct element {
    enum { LITERAL, ANY, NOT_DOT } kind;
    char literal;
    bool may_skip;   /* zero times is allowed */
    bool may_repeat; /* more than once is allowed */
};

struct program {
    struct element element[TOPIC_ELEMENTS_MAX];
    size_t count;
    bool is_anchored_at_end;
};

/* Reads what one element takes; 0 for text that is not of the language, else its length. */
static size_t read_kind(struct span rest, struct element *e)
{
    static const char not_dot[] = "[^\\.]";
    *e = (struct element){.kind = LITERAL};
    if (span_starts(rest, SPAN("[^\\.]"))) {
        e->kind = NOT_DOT;
        return sizeof not_dot - 1;
    }
    if (rest.ptr[0] == '.') {
        e->kind = ANY;
        return 1;
    }
    if (rest.ptr[0] == '\\') {
        /* \d, \w and the like are classes, which key_to_pattern never writes. */
        bool is_class = rest.len > 1 && ((rest.ptr[1] >= '0' && rest.ptr[1] <= '9') ||
                                         (rest.ptr[1] >= 'A' && rest.ptr[1] <= 'Z') ||
                                         (rest.ptr[1] >= 'a' && rest.ptr[1] <= 'z'));
        if (rest.len < 2 || is_class)
            return 0;
        e->literal = rest.ptr[1];
        return 2;
    }
    if (rest.ptr[0] == '\0' || strchr("[]{}()|?*+^$", rest.ptr[0]) != NULL)
        return 0;
    e->literal = rest.ptr[0];
    return 1;
}

static bool compile(struct span pattern, struct program *program)
{
    program->count = 0;
    program->is_anchored_at_end = false;
    if (pattern.len > 0 && pattern.ptr[0] == '^')
        pattern = (struct span){pattern.ptr + 1, pattern.len - 1};
    while (pattern.len > 0) {
        if (pattern.len == 1 && pattern.ptr[0] == '$') {
            program->is_anchored_at_end = true;
            return true;
        }
        struct element e;
        size_t used = read_kind(pattern, &e);
        if (used == 0 || program->count == TOPIC_ELEMENTS_MAX)
            return false;
        pattern = (struct span){pattern.ptr + used, pattern.len - used};
        if (pattern.len > 0 && (pattern.ptr[0] == '*' || pattern.ptr[0] == '+')) {
            e.may_repeat = true;
            e.may_skip = pattern.ptr[0] == '*';
            pattern = (struct span){pattern.ptr + 1, pattern.len - 1};
            /* Laziness changes what a match covers, not whether there is one. */
            if (pattern.len > 0 && pattern.ptr[0] == '?')
                pattern = (struct span){pattern.ptr + 1, pattern.len - 1};
        }
        program->element[program->count++] = e;
    }
    return true;
}

static bool takes(const struct element *e, char c)
{
    switch (e->kind) {
    case LITERAL:
        return c == e->literal;
    case ANY:
        return c != '\n';
    case NOT_DOT:
        return c != '.';
    }
    return false;
}

/* Adds the states that are reached from state i without taking a character. */
static void add_state(const struct program *program, bool *states, size_t i)
{
    states[i] = true;
    while (i < program->count && program->element[i].may_skip)
        states[++i] = true;
}

/* All states at once, one character after the other: linear in pattern times key. */
static bool run(const struct program *program, struct span key)
{
    bool now[TOPIC_ELEMENTS_MAX + 1] = {false};
    add_state(program, now, 0);
    for (size_t at = 0; at < key.len; at++) {
        bool next[TOPIC_ELEMENTS_MAX + 1] = {false};
        if (now[program->count] && !program->is_anchored_at_end)
            return true;
        for (size_t i = 0; i < program->count; i++) {
            if (!now[i] || !takes(&program->element[i], key.ptr[at]))
                continue;
            add_state(program, next, i + 1);
            if (program->element[i].may_repeat)
                next[i] = true;
        }
        memcpy(now, next, program->count + 1);
    }
    return now[program->count];
}

bool cel_topic_match(struct span pattern, struct span key, bool *understood)
{
    struct program program;
    *understood = compile(pattern, &program);
    return *understood && run(&program, key);
}
