#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"
#include "tests/support/scratch.h"

/* The file that tests log to, what it is renamed to, and room for what they read back. */
static char path[SCRATCH_PATH_SIZE];
static char other_path[SCRATCH_PATH_SIZE];
static char content[1 << 20];

static int set_up(void **state)
{
    (void)state;
    scratch_path(path, "log");
    scratch_path(other_path, "log.1");
    return 0;
}

static int start_afresh(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(other_path);
    log_set_format(LOG_FORMAT_TEXT);
    log_set_level(LOG_WARNING);
    return log_set_file(path, NULL) == CELERIAC_OK ? 0 : -1;
}

static const char *read_log(const char *file)
{
    FILE *stream = fopen(file, "rb");
    assert_non_null(stream);
    size_t len = fread(content, 1, sizeof content - 1, stream);
    assert_true(feof(stream));
    (void)fclose(stream);
    content[len] = '\0';
    return content;
}

/* The lines of the log without their times. */
static const char *without_times(const char *text)
{
    static char result[4096];
    char *to = result;
    while (*text) {
        assert_int_equal(text[0], '[');
        assert_int_equal(text[25 - 1], ']');
        text += 26;
        const char *end = strchr(text, '\n') + 1;
        memcpy(to, text, (size_t)(end - text));
        to += end - text;
        text = end;
    }
    *to = '\0';
    return result;
}

static void writes_lines_at_or_above_the_level(void **state)
{
    (void)state;
    log_set_level(LOG_INFO);
    assert_false(log_enabled(LOG_DEBUG));
    assert_true(log_enabled(LOG_INFO));
    log_debug("worker", "not this");
    log_info("worker", "ready");
    log_warning("worker", "lost", LOG_STR("host", "127.0.0.1"), LOG_INT("port", 6379));
    log_set_level(LOG_CRITICAL);
    log_error("worker", "nor this");
    log_critical("worker", "gone", LOG_SECONDS("after", 1500000));
    assert_string_equal(without_times(read_log(path)),
                        "INFO worker: ready\n"
                        "WARNING worker: lost host=127.0.0.1 port=6379\n"
                        "CRITICAL worker: gone after=0.001500\n");
}

static int evaluations;

static int64_t costly(void)
{
    return ++evaluations;
}

static void does_not_evaluate_fields_in_vain(void **state)
{
    (void)state;
    evaluations = 0;
    log_info("worker", "hidden", LOG_INT("n", costly()));
    assert_int_equal(evaluations, 0);
    log_warning("worker", "shown", LOG_INT("n", costly()));
    assert_int_equal(evaluations, 1);
}

static void shows_the_text_of_an_error(void **state)
{
    (void)state;
    struct celeriac_error err = {0};
    celeriac_error_set(&err, CELERIAC_ERR_TIMEOUT, "no answer in 5 s");
    log_warning("redis", "retrying", LOG_ERR(&err));
    assert_string_equal(without_times(read_log(path)),
                        "WARNING redis: retrying error=\"no answer in 5 s\"\n");
}

static void writes_json_when_told(void **state)
{
    (void)state;
    log_set_format(LOG_FORMAT_JSON);
    log_error("api", "failed", LOG_STR("path", "/v1/notify"));
    struct json_doc doc;
    json_init(&doc);
    assert_int_equal(json_parse(&doc, span_of(read_log(path)), NULL, NULL), CELERIAC_OK);
    assert_true(json_string_is(json_get(json_root(&doc), "level"), "ERROR"));
    assert_true(json_string_is(json_get(json_root(&doc), "path"), "/v1/notify"));
    json_close(&doc);
}

static void follows_a_rotated_file(void **state)
{
    (void)state;
    log_warning("t", "first");
    assert_int_equal(rename(path, other_path), 0);
    log_warning("t", "second");
    assert_int_equal(log_set_file(path, NULL), CELERIAC_OK);
    log_warning("t", "third");
    assert_string_equal(without_times(read_log(other_path)),
                        "WARNING t: first\nWARNING t: second\n");
    assert_string_equal(without_times(read_log(path)), "WARNING t: third\n");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0137, 0);
}

static void appends_to_what_is_there(void **state)
{
    (void)state;
    log_warning("t", "first");
    assert_int_equal(log_set_file(path, NULL), CELERIAC_OK);
    log_warning("t", "second");
    assert_string_equal(without_times(read_log(path)), "WARNING t: first\nWARNING t: second\n");
}

static void stays_where_it_was_when_a_file_cannot_be_opened(void **state)
{
    (void)state;
    struct celeriac_error err = {0};
    assert_int_equal(log_set_file("/nonexistent/log", &err), CELERIAC_ERR_SYSTEM);
    assert_string_equal(err.text, "log file /nonexistent/log: No such file or directory");
    log_warning("t", "still here");
    assert_string_equal(without_times(read_log(path)), "WARNING t: still here\n");
}

static void goes_back_to_standard_error(void **state)
{
    (void)state;
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    FILE *capture = fopen(other_path, "wb");
    assert_non_null(capture);
    assert_true(dup2(fileno(capture), STDERR_FILENO) >= 0);
    enum celeriac_err code = log_set_file(NULL, NULL);
    log_warning("t", "to standard error");
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    (void)fclose(capture);
    assert_int_equal(code, CELERIAC_OK);
    assert_string_equal(without_times(read_log(other_path)), "WARNING t: to standard error\n");
    assert_string_equal(read_log(path), "");
}

enum { THREADS = 4, LINES = 500 };

static void *log_many(void *name)
{
    for (int i = 0; i < LINES; i++) {
        log_warning("thread", "a line that is long enough to show where two of them mix",
                    LOG_STR("name", name), LOG_INT("line", i));
        if (i % 100 == 0 && log_set_file(path, NULL) != CELERIAC_OK)
            return NULL;
    }
    return name;
}

static void keeps_the_lines_of_threads_apart(void **state)
{
    (void)state;
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *done = NULL;
        assert_int_equal(pthread_join(threads[i], &done), 0);
        assert_non_null(done);
    }
    int next[THREADS] = {0};
    const char *text = read_log(path);
    for (int i = 0; i < THREADS * LINES; i++) {
        char wanted[128];
        const char *end = strchr(text, '\n');
        const char *name = strstr(text, " name=");
        assert_true(end && name && name < end);
        int thread = name[6] - 'a';
        assert_in_range(thread, 0, THREADS - 1);
        (void)snprintf(wanted, sizeof wanted,
                       "] WARNING thread: a line that is long enough to show where two of them "
                       "mix name=%s line=%d",
                       names[thread], next[thread]++);
        assert_int_equal(strncmp(text + 24, wanted, (size_t)(end - text - 24)), 0);
        text = end + 1;
    }
    assert_int_equal(*text, '\0');
}

static void reads_celery_s_level_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum log_level level;
    } cases[] = {
        {"debug", LOG_DEBUG}, {"INFO", LOG_INFO},         {"Warning", LOG_WARNING},
        {"error", LOG_ERROR}, {"CRITICAL", LOG_CRITICAL}, {"fatal", LOG_CRITICAL},
    };
    enum log_level level = LOG_DEBUG;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(log_level_parse(span_of(cases[i].name), &level), CELERIAC_OK);
        assert_int_equal(level, cases[i].level);
    }
    level = LOG_ERROR;
    static const char *const bad[] = {"", "warn", "infos", "inf", " info", "10"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(log_level_parse(span_of(bad[i]), &level), CELERIAC_ERR_VALUE);
    assert_int_equal(level, LOG_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(writes_lines_at_or_above_the_level, start_afresh),
        cmocka_unit_test_setup(does_not_evaluate_fields_in_vain, start_afresh),
        cmocka_unit_test_setup(shows_the_text_of_an_error, start_afresh),
        cmocka_unit_test_setup(writes_json_when_told, start_afresh),
        cmocka_unit_test_setup(follows_a_rotated_file, start_afresh),
        cmocka_unit_test_setup(appends_to_what_is_there, start_afresh),
        cmocka_unit_test_setup(stays_where_it_was_when_a_file_cannot_be_opened, start_afresh),
        cmocka_unit_test_setup(goes_back_to_standard_error, start_afresh),
        cmocka_unit_test_setup(keeps_the_lines_of_threads_apart, start_afresh),
        cmocka_unit_test(reads_celery_s_level_names),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
