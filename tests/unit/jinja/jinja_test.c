/* The template engine through its C face: results, errors, limits, threads, small stacks. */
#include "jinja/jinja.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Stack of the worker's task threads, the smallest that renders. ThreadSanitizer keeps its own
 * state of several hundred KiB on each thread's stack. */
#ifdef __SANITIZE_THREAD__
#define SMALL_STACK ((size_t)1024 * 1024)
#else
#define SMALL_STACK ((size_t)512 * 1024)
#endif

static enum jinja_result compile(const char *source, struct jinja_template **out,
                                 struct jinja_error *err)
{
    return jinja_compile(source, strlen(source), out, err);
}

/* Compiles and renders; `*text` is NULL on failure and otherwise released with jinja_text_free. */
static enum jinja_result render(const char *source, const char *data,
                                const struct jinja_limits *limits, char **text, size_t *len,
                                struct jinja_error *err)
{
    struct jinja_template *tmpl = NULL;
    *text = NULL;
    *len = 0;
    enum jinja_result rc = compile(source, &tmpl, err);
    if (rc == JINJA_OK)
        rc = jinja_render(tmpl, data, strlen(data), limits, text, len, err);
    jinja_template_destroy(tmpl);
    return rc;
}

static void expect_text(const char *source, const char *data, const char *expected)
{
    char *text = NULL;
    size_t len = 0;
    struct jinja_error err = {JINJA_OK, 0, ""};
    enum jinja_result rc = render(source, data, NULL, &text, &len, &err);
    if (rc != JINJA_OK)
        print_error("%s\n", err.text);
    assert_int_equal(rc, JINJA_OK);
    assert_int_equal(len, strlen(expected));
    assert_string_equal(text, expected);
    jinja_text_free(text, len);
}

static void expect_error(const char *source, const char *data, enum jinja_result code,
                         unsigned line)
{
    char *text = NULL;
    size_t len = 0;
    struct jinja_error err = {JINJA_OK, UINT_MAX, ""};
    assert_int_equal(render(source, data, NULL, &text, &len, &err), code);
    assert_null(text);
    assert_int_equal(err.code, code);
    assert_int_equal(err.line, line);
    assert_true(strlen(err.text) > 0);
}

static void renders_text(void **state)
{
    (void)state;
    expect_text("", "{}", "");
    expect_text("Hello {{ name }}!\n", "{\"name\": \"Zo\\u00eb\"}", "Hello Zo\xc3\xab!");
    expect_text("{% for k, v in d.items() %}{{ k }}={{ v }} {% endfor %}",
                "{\"d\": {\"b\": 1, \"a\": 2.0}}", "b=1 a=2.0 ");
    expect_text("{{ missing }}{{ true }}{{ none }}", "{}", "TrueNone");
    expect_text("{{ n }}", "{\"n\": 123456789012345678901234567890123456789012345}",
                "123456789012345678901234567890123456789012345");
    expect_text("<{{ x }}>", " {\"x\": \"<&>\"}\n", "<<&>>");
}

static void keeps_nul_bytes(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(render("a{{ x }}b", "{\"x\": \"\\u0000\"}", NULL, &text, &len, NULL),
                     JINJA_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 4);
    jinja_text_free(text, len);
}

static void names_the_line_of_a_failure(void **state)
{
    (void)state;
    expect_error("a\nb\n{% if %}", "{}", JINJA_ERR_SYNTAX, 3);
    expect_error("\n{{ x|nofilter }}", "{}", JINJA_ERR_SYNTAX, 2);
    expect_error("\n\n\n{{ x.y.z }}", "{}", JINJA_ERR_RENDER, 4);
    expect_error("{% include 'x' %}", "{}", JINJA_ERR_RENDER, 1);
}

static void refuses_bad_data(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{a:1}",
        "{\"a\":nul}",
        "{\"a\":\"x}",
        "{} {}",
        "{\"a\":1.}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"a\":[1,]}",
        "{\"a\":\"\\x\"}",
        "{\"a\":+1}",
        "{\"a\":NaN}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "\xff",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_error("x", bad[i], JINJA_ERR_DATA, 0);
    expect_error("\xff", "{}", JINJA_ERR_SYNTAX, 0);
}

static void refuses_data_cut_anywhere(void **state)
{
    (void)state;
    static const char data[] =
        "{\"a\": [1, -2.5e3, true, false, null, \"\\u00e9\\n\"], \"b\": {\"c\": {}}}";
    struct jinja_template *tmpl = NULL;
    assert_int_equal(compile("{{ a }}{{ b }}", &tmpl, NULL), JINJA_OK);
    for (size_t cut = 0; cut <= sizeof data - 1; cut++) {
        char *text = NULL;
        size_t len = 0;
        enum jinja_result rc = jinja_render(tmpl, data, cut, NULL, &text, &len, NULL);
        assert_int_equal(rc, cut == sizeof data - 1 ? JINJA_OK : JINJA_ERR_DATA);
        jinja_text_free(text, len);
    }
    jinja_template_destroy(tmpl);
}

static void refuses_null(void **state)
{
    (void)state;
    struct jinja_template *tmpl = NULL;
    struct jinja_error err = {JINJA_OK, 0, ""};
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(jinja_compile(NULL, 0, &tmpl, &err), JINJA_ERR_ARGUMENT);
    assert_string_equal(err.text, "source is NULL");
    assert_int_equal(jinja_compile("", 0, NULL, NULL), JINJA_ERR_ARGUMENT);
    assert_int_equal(jinja_render(NULL, "{}", 2, NULL, &text, &len, &err), JINJA_ERR_ARGUMENT);
    assert_int_equal(jinja_compile("", 0, &tmpl, NULL), JINJA_OK);
    assert_int_equal(jinja_render(tmpl, NULL, 2, NULL, &text, &len, NULL), JINJA_ERR_ARGUMENT);
    assert_int_equal(jinja_render(tmpl, "{}", 2, NULL, NULL, &len, NULL), JINJA_ERR_ARGUMENT);
    assert_int_equal(jinja_render(tmpl, "{}", 2, NULL, &text, NULL, NULL), JINJA_ERR_ARGUMENT);
    jinja_template_destroy(tmpl);
    jinja_template_destroy(NULL);
    jinja_text_free(NULL, 0);
}

/* A buffer of `len` copies of `c`, with NUL; for the caller to free. */
static char *repeated(char c, size_t len)
{
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, c, len);
    text[len] = '\0';
    return text;
}

static void cuts_long_error_texts_between_characters(void **state)
{
    (void)state;
    struct jinja_template *tmpl = NULL;
    struct jinja_error err = {JINJA_OK, 0, ""};
    char source[2048] = "{{ x|a";
    for (size_t i = strlen(source); i < 1000; i += 2)
        memcpy(source + i, "\xc3\xa9", 3);
    memcpy(source + strlen(source), " }}", 4);
    assert_int_equal(compile(source, &tmpl, &err), JINJA_ERR_SYNTAX);
    size_t len = strlen(err.text);
    assert_in_range(len, JINJA_ERROR_TEXT - 4, JINJA_ERROR_TEXT - 1);
    assert_int_equal((unsigned char)err.text[len - 1], 0xa9);
}

static void bounds_the_source(void **state)
{
    (void)state;
    char *source = repeated('x', JINJA_MAX_SOURCE + 1);
    struct jinja_template *tmpl = NULL;
    assert_int_equal(jinja_compile(source, JINJA_MAX_SOURCE + 1, &tmpl, NULL), JINJA_ERR_LIMIT);
    assert_int_equal(jinja_compile(source, JINJA_MAX_SOURCE, &tmpl, NULL), JINJA_OK);
    jinja_template_destroy(tmpl);
    free(source);
}

static void bounds_the_data(void **state)
{
    (void)state;
    char *data = repeated(' ', JINJA_MAX_DATA + 1);
    struct jinja_template *tmpl = NULL;
    char *text = NULL;
    size_t len = 0;
    data[0] = '{';
    data[1] = '}';
    assert_int_equal(compile("x", &tmpl, NULL), JINJA_OK);
    assert_int_equal(jinja_render(tmpl, data, JINJA_MAX_DATA + 1, NULL, &text, &len, NULL),
                     JINJA_ERR_LIMIT);
    assert_null(text);
    assert_int_equal(jinja_render(tmpl, data, JINJA_MAX_DATA, NULL, &text, &len, NULL), JINJA_OK);
    jinja_text_free(text, len);
    jinja_template_destroy(tmpl);
    free(data);
}

static void bounds_nesting_of_data(void **state)
{
    (void)state;
    char data[2 * JINJA_MAX_NESTING + 16];
    for (size_t extra = 0; extra < 2; extra++) {
        size_t arrays = JINJA_MAX_NESTING - 1 + extra; /* the object is a level too */
        size_t pos = (size_t)snprintf(data, sizeof data, "{\"a\":");
        memset(data + pos, '[', arrays);
        memset(data + pos + arrays, ']', arrays);
        memcpy(data + pos + 2 * arrays, "}", 2);
        char *text = NULL;
        size_t len = 0;
        assert_int_equal(render("{{ a }}", data, NULL, &text, &len, NULL),
                         extra ? JINJA_ERR_LIMIT : JINJA_OK);
        jinja_text_free(text, len);
    }
}

static void bounds_the_output(void **state)
{
    (void)state;
    const struct jinja_limits ten = {.max_output = 10};
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(render("12345{{ x }}", "{\"x\": \"67890\"}", &ten, &text, &len, NULL),
                     JINJA_OK);
    assert_int_equal(len, 10);
    jinja_text_free(text, len);
    assert_int_equal(render("123456{{ x }}", "{\"x\": \"67890\"}", &ten, &text, &len, NULL),
                     JINJA_ERR_LIMIT);
    assert_int_equal(render("12345678901", "{}", &ten, &text, &len, NULL), JINJA_ERR_LIMIT);
}

static void bounds_the_work(void **state)
{
    (void)state;
    const char *source = "{% for i in range(n) %}{{ i }}{% endfor %}";
    const struct jinja_limits thousand = {.fuel = 1000};
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(render(source, "{\"n\": 100}", &thousand, &text, &len, NULL), JINJA_OK);
    jinja_text_free(text, len);
    assert_int_equal(render(source, "{\"n\": 1000}", &thousand, &text, &len, NULL),
                     JINJA_ERR_LIMIT);
    /* Each takes few instructions and many digits of a float. */
    static const char *const dear[] = {"{{ '%f' % 1e300 }}",   "{{ '{:.900e}'.format(1) }}",
                                       "{{ 1e300|round(2) }}", "{{ 1.5|round(-2) }}",
                                       "{{ 1e300|int }}",      "{{ 1e300|filesizeformat }}"};
    const struct jinja_limits sixty = {.fuel = 60};
    for (size_t i = 0; i < sizeof dear / sizeof dear[0]; i++)
        assert_int_equal(render(dear[i], "{}", &sixty, &text, &len, NULL), JINJA_ERR_LIMIT);
    assert_int_equal(render("{{ '%.2f' % 1234.5 }}", "{}", &sixty, &text, &len, NULL), JINJA_OK);
    jinja_text_free(text, len);
}

/* Templates that ask for far more than they may have. */
static const char *const bombs[] = {
    "{{ 'x' * 1000000000 }}",
    "{{ 'x' * 99999999 }}",
    "{% set x = 'x' * 1000000 %}{{ x * 1000000 }}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor "
    "%}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor "
    "%}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor "
    "%}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor "
    "%}{{ ns.x }}",
    "{% for i in range(1000000000) %}{% endfor %}",
    "{{ range(1000000000)|list }}",
    "{{ range(1000000000)|sum }}",
    "{{ range(1000000000)|join }}",
    "{{ [1] * 1000000000 }}",
    "{{ 'x'|center(2000000000) }}",
    "{{ 'x'.center(2000000000) }}",
    "{{ 'x'.ljust(2000000000) }}",
    "{{ 'x'.zfill(2000000000) }}",
    "{{ '%2000000000d' % 1 }}",
    "{{ '%.2000000000f' % 1 }}",
    "{{ '%2000000000d'|format(1) }}",
    "{{ '{:2000000000}'.format(1) }}",
    "{{ '{:.2000000000f}'.format(1) }}",
    "{{ '{:{}}'.format(1, 2000000000) }}",
    "{% set x = 'x' * 1000000 %}{{ x.replace('x', x) }}",
    "{% set x = 'x' * 1000000 %}{{ x|replace('x', x) }}",
    "{% set x = 'x' * 1000000 %}{{ x|replace('', x) }}",
    "{% set x = 'x' * 1000000 %}{{ x.join(x) }}",
    "{% set x = 'x' * 1000000 %}{{ x|join(x) }}",
    "{% set x = '\t' * 1000000 %}{{ x.expandtabs(1000000) }}",
    "{% set x = '\n' * 1000000 %}{{ x|indent(1000000, true, true) }}",
    "{% set x = 'x ' * 1000000 %}{{ x|wordwrap(1, wrapstring=x) }}",
    "{{ [1]|batch(1000000000, 'x')|list }}",
    "{{ [1]|slice(1000000000)|list }}",
    "{{ lipsum(n=1000000000) }}",
    "{{ lipsum(n=1, min=1000000000, max=1000000001) }}",
    "{{ {'a': 1}|tojson(indent=1000000000) }}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% for a in range(999999) %}{% for b in range(999999) %}x{% endfor %}{% endfor %}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x %}{{ ns.x }}{{ ns.x }}{% "
    "endset %}{% endfor %}",
    "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor "
    "%}{{ ns.x }}",
    "{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = {'a': ns.x} %}{% "
    "endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = (ns.x,) %}{% endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = dict(a=ns.x) %}{% "
    "endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = namespace(a=ns.x) %}{% "
    "endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = [ns.x]|batch(1) %}{% "
    "endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = ns.x|reverse %}{% "
    "endfor %}{{ ns.x|list }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = ns.x|map('string') "
    "%}{% endfor %}{{ ns.x|list }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = ns.x[:] %}{% endfor "
    "%}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = cycler(ns.x) %}{% "
    "endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = joiner(ns.x) %}{% "
    "endfor %}",
    "{{ '{:0999999999,d}'.format(1) }}",
    "{% set l = range(300000)|list %}{% for i in range(99999) %}{% set _ = l.insert(0, 1) %}{% "
    "endfor %}",
    "{% set l = range(300000)|list %}{% for i in range(99999) %}{% set _ = l.pop(0) %}{% endfor %}",
    "{{ 10 ** 1000000000 }}",
    "{{ 99 ** 99 ** 99 }}",
};

/* Nothing, any number of times; look-ups of a dict in itself. */
static void returns_from_what_has_no_size(void **state)
{
    (void)state;
    expect_text("{{ '' * 9007199254740993 }}{{ [] * 9007199254740993 }}{{ () * 9007199254740993 }}",
                "{}", "[]()");
    expect_text("{{ 'x'|indent('', true) }}{{ 'a'.replace('', '', 9007199254740993) }}", "{}",
                "xa");
    expect_text("{{ d[d] }}{{ d[(d,)] }}{{ d[d.values()] }}{{ d[d.items] }}", "{\"d\": {\"a\": 1}}",
                "");
    expect_error("{{ d in d }}", "{\"d\": {}}", JINJA_ERR_RENDER, 1);
    expect_error("{{ d.get(d) }}", "{\"d\": {}}", JINJA_ERR_RENDER, 1);
}

static void survives_bombs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
        char *text = NULL;
        size_t len = 0;
        enum jinja_result rc = render(bombs[i], "{}", NULL, &text, &len, NULL);
        if (rc != JINJA_ERR_LIMIT && rc != JINJA_ERR_RENDER)
            print_error("%d: %s\n", rc, bombs[i]);
        assert_true(rc == JINJA_ERR_LIMIT || rc == JINJA_ERR_RENDER);
    }
}

/* Calls `body` on a thread with a small stack and waits for it. */
static void on_small_stack(void *(*body)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, SMALL_STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, body, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_attr_destroy(&attr), 0);
}

static void *run_bombs(void *arg)
{
    survives_bombs(arg);
    return NULL;
}

static void survives_bombs_on_a_small_stack(void **state)
{
    on_small_stack(run_bombs, state);
}

/* A source that is `open` many times, then `middle`, then `close` as often. */
struct nest {
    const char *open, *middle, *close;
};

static const struct nest nests[] = {
    {"(", "1", ")"},
    {"[", "1", "]"},
    {"{'a':", "1", "}"},
    {"-", "1", ""},
    {"not ", "1", ""},
    {"1+", "1", ""},
    {"1~", "1", ""},
    {"", "a", ".b"},
    {"", "a", "[0]"},
    {"", "a", "|e"},
    {"", "a", "()"},
    {"", "a", " is odd"},
    {"1 if ", "1", " else 1"},
    {"1 if 1 else ", "1", ""},
    {"f(", "1", ")"},
    {"f(a=", "1", ")"},
    {"a|f(", "1", ")"},
    {"a[", "1", "]"},
    {"2**", "1", ""},
    {"1<", "1", ""},
    {"1 and ", "1", ""},
    {"1 or ", "1", ""},
    {"+", "1", ""},
    {"'a' ", "'a'", ""},
    {"a.b(", "1", ")"},
    {"(", "1", ",)"},
    {"1,", "1", ""},
    {"1 in ", "1", ""},
    {"{% if 1 %}", "x", "{% endif %}"},
    {"{% for i in [1] %}", "x", "{% endfor %}"},
    {"{% if 1 %}{% else %}", "x", "{% endif %}"},
    {"{% if 0 %}", "x{% endif %}", ""},
    {"{% if 0 %}{% el", "if 0 %}{% endif %}", ""},
    {"{% with %}", "x", "{% endwith %}"},
    {"{% set x %}", "x", "{% endset %}"},
    {"{% filter e %}", "x", "{% endfilter %}"},
    {"{% macro m() %}", "x", "{% endmacro %}"},
    {"{% call m() %}", "x", "{% endcall %}"},
    {"{% block a %}", "x", "{% endblock %}"},
    {"{% autoescape true %}", "x", "{% endautoescape %}"},
    {"{# ", "x", " #}"},
    {"{{ ", "x", " }}"},
    {"{% elif 0 %}", "{% endif %}", ""},
};

static void *run_nests(void *arg)
{
    (void)arg;
    static const size_t times[] = {10, 60, 100, 149, 200, 400, 1000, 20000};
    for (size_t i = 0; i < sizeof nests / sizeof nests[0]; i++) {
        for (size_t t = 0; t < sizeof times / sizeof times[0]; t++) {
            const struct nest *n = &nests[i];
            bool is_tag = strchr(n->open, '{') && strchr("{%#", n->open[1]) && n->open[1] != '\0';
            bool is_elif = strcmp(n->open, "{% elif 0 %}") == 0;
            const char *before = is_elif ? "{% if 0 %}" : is_tag ? "" : "{{ ";
            const char *after = is_tag ? "" : " }}";
            size_t size = strlen(before) + strlen(after) + strlen(n->middle) + 1 +
                          times[t] * (strlen(n->open) + strlen(n->close));
            char *source = malloc(size);
            assert_non_null(source);
            char *end = stpcpy(source, before);
            for (size_t k = 0; k < times[t]; k++)
                end = stpcpy(end, n->open);
            end = stpcpy(end, n->middle);
            for (size_t k = 0; k < times[t]; k++)
                end = stpcpy(end, n->close);
            stpcpy(end, after);
            char *text = NULL;
            size_t len = 0;
            enum jinja_result rc = render(source, "{\"a\": {}}", NULL, &text, &len, NULL);
            assert_int_not_equal(rc, JINJA_ERR_INTERNAL);
            jinja_text_free(text, len);
            free(source);
        }
    }
    return NULL;
}

static void survives_nested_sources_on_a_small_stack(void **state)
{
    on_small_stack(run_nests, state);
}

/* Deep recursion of every kind that a render can do, as deep as it is allowed. */
static void *run_recursions(void *arg)
{
    (void)arg;
    static const char *const sources[] = {
        "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
        "{% macro m(n) %}{% call m(n) %}{{ caller() }}{% endcall %}{% endmacro %}{{ m(0) }}",
        "{% macro m(f) %}{{ [1]|map('string')|list }}{{ f(f) }}{% endmacro %}{{ m(m) }}",
        "{% block a %}{{ self.a() }}{% endblock %}",
        "{% for n in t recursive %}{{ loop(n) }}{% endfor %}",
        "{{ t }}{{ t|tojson }}{{ t|pprint }}{{ t|string }}{{ t ~ t }}{{ t == t }}{{ '%s' % t }}",
        "{{ t == u }}{{ [t, u]|sort }}{{ t < u }}",
        "{{ [t, u]|unique|list|length }}",
    };
    char data[4 * JINJA_MAX_NESTING + 64];
    size_t arrays = JINJA_MAX_NESTING - 1;
    char *deep = repeated('[', 2 * arrays);
    memset(deep + arrays, ']', arrays);
    int used = snprintf(data, sizeof data, "{\"t\": %s, \"u\": %s}", deep, deep);
    assert_in_range(used, 1, sizeof data - 1);
    free(deep);
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        char *text = NULL;
        size_t len = 0;
        enum jinja_result rc = render(sources[i], data, NULL, &text, &len, NULL);
        assert_int_not_equal(rc, JINJA_ERR_INTERNAL);
        assert_int_not_equal(rc, JINJA_ERR_SYNTAX);
        jinja_text_free(text, len);
    }
    return NULL;
}

static void survives_recursion_on_a_small_stack(void **state)
{
    on_small_stack(run_recursions, state);
}

static void *render_many(void *arg)
{
    const struct jinja_template *tmpl = arg;
    for (int i = 0; i < 300; i++) {
        char data[64];
        char expected[64];
        int data_len = snprintf(data, sizeof data, "{\"n\": %d, \"l\": [1, 2, 3]}", i);
        int expected_len = snprintf(expected, sizeof expected, "%d:1,2,3,", i);
        char *text = NULL;
        size_t len = 0;
        assert_int_equal(jinja_render(tmpl, data, (size_t)data_len, NULL, &text, &len, NULL),
                         JINJA_OK);
        assert_int_equal(len, expected_len);
        assert_memory_equal(text, expected, len);
        jinja_text_free(text, len);
    }
    return NULL;
}

static void renders_one_template_in_many_threads(void **state)
{
    (void)state;
    struct jinja_template *tmpl = NULL;
    pthread_t threads[8];
    assert_int_equal(
        compile(
            "{% macro m(x) %}{{ x }},{% endmacro %}{{ n }}:{% for x in l %}{{ m(x) }}{% endfor %}",
            &tmpl, NULL),
        JINJA_OK);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, render_many, tmpl), 0);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    jinja_template_destroy(tmpl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_text),
        cmocka_unit_test(keeps_nul_bytes),
        cmocka_unit_test(names_the_line_of_a_failure),
        cmocka_unit_test(refuses_bad_data),
        cmocka_unit_test(refuses_data_cut_anywhere),
        cmocka_unit_test(refuses_null),
        cmocka_unit_test(cuts_long_error_texts_between_characters),
        cmocka_unit_test(bounds_the_source),
        cmocka_unit_test(bounds_the_data),
        cmocka_unit_test(bounds_nesting_of_data),
        cmocka_unit_test(bounds_the_output),
        cmocka_unit_test(bounds_the_work),
        cmocka_unit_test(returns_from_what_has_no_size),
        cmocka_unit_test(survives_bombs),
        cmocka_unit_test(survives_bombs_on_a_small_stack),
        cmocka_unit_test(survives_nested_sources_on_a_small_stack),
        cmocka_unit_test(survives_recursion_on_a_small_stack),
        cmocka_unit_test(renders_one_template_in_many_threads),
    };
    return cmocka_run_group_tests_name("jinja", tests, NULL, NULL);
}
