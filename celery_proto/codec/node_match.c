#include "celery_proto/codec/node_match.h"

#include <fnmatch.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/*
 * Work allowed for one comparison. A name of 100 characters against a sensible pattern takes a few
 * hundred steps; an expression that needs more than this is an attack or a mistake.
 */
#define STEPS_MAX 10000
#define HEAP_KIB_MAX 1024

/* Groups inside groups: bounds the recursion of the compiler. */
#define NESTING_MAX 32

static enum celeriac_err match_glob(struct span node, struct span pattern, bool *matches)
{
    char name[CEL_NODE_PATTERN_MAX + 1];
    char glob[CEL_NODE_PATTERN_MAX + 1];

    memcpy(name, node.ptr, node.len);
    name[node.len] = '\0';
    memcpy(glob, pattern.ptr, pattern.len);
    glob[pattern.len] = '\0';
    *matches = fnmatch(glob, name, FNM_NOESCAPE) == 0;
    return CELERIAC_OK;
}

static enum celeriac_err refuse_pattern(int number, struct celeriac_error *err)
{
    PCRE2_UCHAR text[128] = "";

    (void)pcre2_get_error_message(number, text, sizeof text);
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "pattern: %s", (const char *)text);
}

static enum celeriac_err run(const pcre2_code *code, pcre2_match_data *data,
                             pcre2_match_context *limits, struct span node, bool *matches,
                             struct celeriac_error *err)
{
    int found;

    pcre2_set_match_limit(limits, STEPS_MAX);
    pcre2_set_depth_limit(limits, STEPS_MAX);
    pcre2_set_heap_limit(limits, HEAP_KIB_MAX);
    found = pcre2_match(code, (PCRE2_SPTR)node.ptr, node.len, 0, 0, data, limits);
    if (found < 0 && found != PCRE2_ERROR_NOMATCH)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT,
                                  "pattern: takes too long, or the name is no UTF-8");
    *matches = found >= 0;
    return CELERIAC_OK;
}

static enum celeriac_err match_pcre(struct span node, struct span pattern, bool *matches,
                                    struct celeriac_error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data = NULL;
    pcre2_code *code = NULL;
    enum celeriac_err result = CELERIAC_OK;
    PCRE2_SIZE offset = 0;
    int number = 0;

    if (context) {
        pcre2_set_parens_nest_limit(context, NESTING_MAX);
        code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, PCRE2_ANCHORED | PCRE2_UTF,
                             &number, &offset, context);
        if (!code)
            result = refuse_pattern(number, err);
    }
    if (code)
        data = pcre2_match_data_create_from_pattern(code, NULL);
    if (result == CELERIAC_OK && (!limits || !data))
        result = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a pattern");
    if (result == CELERIAC_OK)
        result = run(code, data, limits, node, matches, err);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    pcre2_match_context_free(limits);
    pcre2_compile_context_free(context);
    return result;
}

enum celeriac_err cel_node_match(struct span node, struct span pattern, struct span matcher,
                                 bool *matches, struct celeriac_error *err)
{
    if (node.len > CEL_NODE_PATTERN_MAX || pattern.len > CEL_NODE_PATTERN_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "pattern: at most %d bytes",
                                  CEL_NODE_PATTERN_MAX);
    if (span_is(matcher, "glob"))
        return match_glob(node, pattern, matches);
    if (span_is(matcher, "pcre"))
        return match_pcre(node, pattern, matches, err);
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "matcher: neither glob nor pcre");
}
