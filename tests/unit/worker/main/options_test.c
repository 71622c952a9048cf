#include "worker/main/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tests/support/command_line.h"
#include "tests/support/scratch.h"

static struct worker_options options;
static struct celeriac_error err;

/* No file .env, nothing read. */
static int set_up(void **state)
{
    (void)state;
    command_line_remove_dotenv();
    memset(&options, 0, sizeof options);
    celeriac_error_clear(&err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    worker_options_close(&options);
    return 0;
}

static enum celeriac_err read_all(const char *const *words, const char *const *variables)
{
    struct command_line line = command_line_make("celeriac-worker", words, variables);
    worker_options_close(&options);
    memset(&options, 0, sizeof options);
    celeriac_error_clear(&err);
    enum celeriac_err rc =
        worker_options_read(&options, line.argc, line.argv, line.environment, &err);
    command_line_free(&line);
    return rc;
}

static void assert_refused(const char *const *words, const char *const *variables,
                           const char *complaint)
{
    assert_int_equal(read_all(words, variables), CELERIAC_ERR_VALUE);
    if (!strstr(err.text, complaint))
        fail_msg("%s", err.text);
}

static void checklist_94_defaults_are_celerys(void **state)
{
    (void)state;
    assert_int_equal(read_all(no_words, no_words), CELERIAC_OK);
    assert_int_equal(options.level, LOG_WARNING);
    assert_int_equal(options.worker.concurrency, 0);
    assert_int_equal(options.worker.prefetch_multiplier, 0);
    assert_int_equal(options.worker.visibility_timeout, 0);
    assert_int_equal(options.worker.unknown_task, CELERIAC_UNKNOWN_LEAVE);
    assert_null(options.worker.hostname);
    /* Celery's default, and the queue that no Celery program has anything in. */
    assert_string_equal(options.worker.queues, "celery,celeriac.webhooks");
    assert_null(options.logfile);
    assert_string_equal(options.worker.broker_url, "redis://127.0.0.1:6379/0");
    assert_string_equal(options.worker.result_backend, "redis://127.0.0.1:6379/0");
    assert_false(options.help);
    assert_false(options.version);
}

static void checklist_94_options_of_celery_worker(void **state)
{
    (void)state;
    assert_int_equal(
        read_all(WORDS("worker", "-A", "core", "-l", "info", "-c", "7", "-Q", "a,b", "-n", "w@%h",
                       "--prefetch-multiplier=2", "-P", "prefork", "--without-gossip"),
                 no_words),
        CELERIAC_OK);
    assert_int_equal(options.level, LOG_INFO);
    assert_int_equal(options.worker.concurrency, 7);
    assert_string_equal(options.worker.queues, "a,b");
    assert_string_equal(options.worker.hostname, "w@%h");
    assert_int_equal(options.worker.prefetch_multiplier, 2);
    assert_true(options.worker.without_gossip);
    assert_false(options.worker.without_mingle);
}

/* Command line, environment, file, default. */
static void checklist_96_nearest_word_counts(void **state)
{
    (void)state;
    command_line_write_dotenv("CELERY_WORKER_CONCURRENCY=3\nREDIS_URL=redis://file/1\n");
    assert_int_equal(read_all(WORDS("-c", "5"), WORDS("CELERY_WORKER_CONCURRENCY=4")), CELERIAC_OK);
    assert_int_equal(options.worker.concurrency, 5);
    assert_string_equal(options.worker.broker_url, "redis://file/1");
    assert_int_equal(read_all(no_words, WORDS("CELERY_WORKER_CONCURRENCY=4")), CELERIAC_OK);
    assert_int_equal(options.worker.concurrency, 4);
    assert_int_equal(read_all(no_words, no_words), CELERIAC_OK);
    assert_int_equal(options.worker.concurrency, 3);
}

static void checklist_96_brokers_may_be_two(void **state)
{
    (void)state;
    assert_int_equal(read_all(no_words, WORDS("REDIS_URL=redis://both/1",
                                              "CELERY_RESULT_BACKEND=redis://results/2")),
                     CELERIAC_OK);
    assert_string_equal(options.worker.broker_url, "redis://both/1");
    assert_string_equal(options.worker.result_backend, "redis://results/2");
    assert_int_equal(read_all(WORDS("-b", "redis://b/1", "--result-backend", "disabled://"),
                              WORDS("REDIS_URL=redis://both/1")),
                     CELERIAC_OK);
    assert_string_equal(options.worker.broker_url, "redis://b/1");
    assert_string_equal(options.worker.result_backend, "disabled://");
}

/* What nobody asks for is no reason not to start. */
static void bad_line_that_is_overridden_is_no_error(void **state)
{
    (void)state;
    command_line_write_dotenv("DEBUG=1\nEMAIL_PORT=secret\n");
    assert_refused(no_words, no_words, ".env line 2: EMAIL_PORT");
    assert_null(strstr(err.text, "secret"));
    assert_int_equal(read_all(no_words, WORDS("EMAIL_PORT=25")), CELERIAC_OK);
}

/* Wherever a value came from, that is what is named. */
static void a_mistake_is_named_by_its_place(void **state)
{
    (void)state;
    assert_refused(no_words, WORDS("CELERIAC_HTTP=9090"), "environment variable CELERIAC_HTTP: ");
    assert_refused(WORDS("--http", "9090"), no_words, "option --http: ");
    assert_refused(no_words, WORDS("CELERY_WORKER_BEAT=1"),
                   "environment variable CELERY_WORKER_BEAT");
    assert_refused(no_words, WORDS("CELERIAC_SMTP_RATE=x"),
                   "environment variable CELERIAC_SMTP_RATE");
    assert_refused(WORDS("-n", "a\x01"), WORDS("CELERY_WORKER_DIRECT=1"), "option --hostname: ");
    assert_refused(WORDS("-Q", "a"), WORDS("CELERY_WORKER_EXCLUDE_QUEUES=a"), "no queue is left");
    command_line_write_dotenv("DB_PORT=x\n");
    assert_refused(no_words, no_words, ".env line 1: DB_PORT: ");
}

static void numbers_up_to_their_limits(void **state)
{
    (void)state;
    assert_int_equal(read_all(WORDS("-c", "4096"), no_words), CELERIAC_OK);
    assert_refused(WORDS("-c", "4097"), no_words, "--concurrency");
    assert_refused(WORDS("-c", "-1"), no_words, "--concurrency");
    assert_refused(WORDS("-c", "4x"), no_words, "--concurrency");
    assert_int_equal(read_all(WORDS("--visibility-timeout", "0"), no_words), CELERIAC_OK);
    assert_int_equal(read_all(WORDS("--visibility-timeout", "31536000"), no_words), CELERIAC_OK);
    assert_refused(WORDS("--visibility-timeout", "31536001"), no_words, "--visibility-timeout");
    assert_refused(no_words, WORDS("CELERY_WORKER_CONCURRENCY=many"), "CELERY_WORKER_CONCURRENCY");
}

static void checklist_94_words_that_mean_nothing(void **state)
{
    (void)state;
    assert_refused(WORDS("beat"), no_words, "unexpected argument: beat");
    assert_refused(WORDS("worker", "worker"), no_words, "unexpected argument: worker");
    assert_refused(WORDS("--no-such-option"), no_words, "--no-such-option");
    assert_refused(WORDS("-c"), no_words, "-c");
    assert_refused(WORDS("-l", "LOUD"), no_words, "--loglevel");
    assert_refused(WORDS("--unknown-tasks", "eat"), no_words, "--unknown-tasks");
    assert_int_equal(read_all(WORDS("--unknown-tasks", "fail"), no_words), CELERIAC_OK);
    assert_int_equal(options.worker.unknown_task, CELERIAC_UNKNOWN_FAIL);
}

static void checklist_99_settings_of_tasks_are_the_workers_defaults(void **state)
{
    const struct celeriac_task_defaults *tasks = &options.worker.task_defaults;
    (void)state;
    assert_int_equal(read_all(no_words, no_words), CELERIAC_OK);
    assert_false(tasks->acks_late || tasks->ignore_result || tasks->track_started ||
                 tasks->store_errors_even_if_ignored || tasks->requeue_on_timeout ||
                 tasks->reject_on_worker_lost || tasks->rate_limit);
    assert_false(options.worker.disable_rate_limits || options.worker.without_remote_control ||
                 options.worker.purge);
    assert_int_equal(read_all(WORDS("--purge"),
                              WORDS("CELERY_TASK_ACKS_LATE=True", "CELERY_TASK_IGNORE_RESULT=1",
                                    "CELERY_TASK_TRACK_STARTED=yes",
                                    "CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED=on",
                                    "CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT=False",
                                    "CELERY_TASK_REJECT_ON_WORKER_LOST=true",
                                    "CELERY_TASK_DEFAULT_RATE_LIMIT=10/m",
                                    "CELERY_WORKER_DISABLE_RATE_LIMITS=true",
                                    "CELERY_WORKER_ENABLE_REMOTE_CONTROL=false")),
                     CELERIAC_OK);
    assert_true(tasks->acks_late && tasks->ignore_result && tasks->track_started &&
                tasks->store_errors_even_if_ignored && tasks->requeue_on_timeout &&
                tasks->reject_on_worker_lost);
    assert_string_equal(tasks->rate_limit, "10/m");
    assert_true(options.worker.disable_rate_limits && options.worker.without_remote_control &&
                options.worker.purge);
    /* The newer of the two names wins. */
    assert_int_equal(read_all(no_words, WORDS("CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT=False",
                                              "CELERY_TASK_ACKS_ON_TIMEOUT=True")),
                     CELERIAC_OK);
    assert_false(tasks->requeue_on_timeout);
}

static void checklist_99_what_would_be_missed_is_refused(void **state)
{
    static const char *const good[] = {"json", "application/json", "\"json\"", "['json']", ""};
    char variable[128];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)snprintf(variable, sizeof variable, "CELERY_RESULT_SERIALIZER=%s", good[i]);
        assert_int_equal(read_all(no_words, WORDS(variable)), CELERIAC_OK);
    }
    assert_refused(no_words, WORDS("CELERY_TASK_SERIALIZER=pickle"), "CELERY_TASK_SERIALIZER");
    assert_refused(no_words, WORDS("CELERY_RESULT_SERIALIZER=json,pickle"),
                   "CELERY_RESULT_SERIALIZER");
    assert_refused(no_words, WORDS("CELERY_EVENT_SERIALIZER=jsonp"), "CELERY_EVENT_SERIALIZER");
    assert_refused(no_words, WORDS("CELERY_ACCEPT_CONTENT=['pickle', 'yaml']"),
                   "CELERY_ACCEPT_CONTENT");
    assert_int_equal(read_all(no_words, WORDS("CELERY_ACCEPT_CONTENT=['pickle', 'json']")),
                     CELERIAC_OK);
    assert_int_equal(read_all(no_words, WORDS("CELERY_BROKER_URL=redis://a/1",
                                              "CELERY_BROKER_READ_URL=redis://a/1")),
                     CELERIAC_OK);
    assert_refused(
        no_words, WORDS("CELERY_BROKER_URL=redis://a/1", "CELERY_BROKER_WRITE_URL=redis://:pw@b/1"),
        "CELERY_BROKER_WRITE_URL");
    assert_null(strstr(err.text, "pw"));
}

static void worker_direct_adds_the_nodes_own_queue(void **state)
{
    (void)state;
    assert_int_equal(
        read_all(WORDS("-n", "w@box", "-Q", "a,b", "-X", "b"), WORDS("CELERY_WORKER_DIRECT=True")),
        CELERIAC_OK);
    assert_string_equal(options.worker.queues, "a,w@box.dq2");
    assert_int_equal(read_all(WORDS("-n", "w@box"), WORDS("CELERY_WORKER_DIRECT=False")),
                     CELERIAC_OK);
    assert_string_equal(options.worker.queues, "celery,celeriac.webhooks");
}

static void webhooks_have_a_queue_unless_queues_are_named(void **state)
{
    const struct {
        const char *const *words;
        const char *const *environment;
        const char *queues;
    } cases[] = {
        {WORDS("-Q", "a"), no_words, "a"},
        {no_words, WORDS("CELERY_WORKER_QUEUES=a"), "a"},
        {no_words, WORDS("CELERY_TASK_DEFAULT_QUEUE=a"), "a,celeriac.webhooks"},
        {WORDS("-X", "celeriac.webhooks"), no_words, "celery"},
        {no_words, WORDS("CELERIAC_WEBHOOKS=false"), "celery"},
        {WORDS("-A", "./tasks.so"), no_words, "celery"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_all(cases[i].words, cases[i].environment), CELERIAC_OK);
        assert_string_equal(options.worker.queues, cases[i].queues);
    }
}

static void working_folder_has_the_file(void **state)
{
    (void)state;
    command_line_write_dotenv("CELERY_WORKER_CONCURRENCY=9\n");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(read_all(WORDS("--workdir", scratch_folder()), no_words), CELERIAC_OK);
    assert_int_equal(options.worker.concurrency, 9);
    assert_refused(WORDS("--workdir", "/no/such/folder"), no_words, "--workdir");
    assert_int_equal(chdir(scratch_folder()), 0);
}

static void want_of_memory_is_told(void **state)
{
    enum celeriac_err rc = CELERIAC_ERR_MEMORY;
    size_t n = 1;
    (void)state;
    command_line_write_dotenv("EMAIL_PORT=25\nDB_NAME=x\n");
    for (; rc != CELERIAC_OK; n++) {
        worker_options_close(&options);
        memset(&options, 0, sizeof options);
        celeriac_error_clear(&err);
        struct command_line line =
            command_line_make("celeriac-worker", WORDS("-c", "3"), WORDS("REDIS_URL=redis://x"));
        mem_fail_at(n);
        rc = worker_options_read(&options, line.argc, line.argv, line.environment, &err);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(rc, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        command_line_free(&line);
    }
    assert_true(n > 10);
}

static void help_names_every_option(void **state)
{
    static const char *const names[] = {
        "--broker",        "--concurrency", "--queues", "--loglevel", "--visibility-timeout",
        "--unknown-tasks", "--workdir",     "--help",   "--version",  NULL};
    struct strbuf help;
    (void)state;
    strbuf_init(&help, 1 << 20);
    worker_options_help(&help);
    assert_int_equal(strbuf_status(&help), CELERIAC_OK);
    command_line_assert_names(strbuf_text(&help), names);
    strbuf_close(&help);
    assert_int_equal(read_all(WORDS("-h", "--version"), no_words), CELERIAC_OK);
    assert_true(options.help);
    assert_true(options.version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(checklist_94_defaults_are_celerys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checklist_94_options_of_celery_worker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checklist_96_nearest_word_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checklist_96_brokers_may_be_two, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_line_that_is_overridden_is_no_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mistake_is_named_by_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_up_to_their_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checklist_94_words_that_mean_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checklist_99_settings_of_tasks_are_the_workers_defaults,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(checklist_99_what_would_be_missed_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(worker_direct_adds_the_nodes_own_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(webhooks_have_a_queue_unless_queues_are_named, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(working_folder_has_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(want_of_memory_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_names_every_option, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, command_line_enter_folder, command_line_leave_folder);
}
