/*
 * What becomes of a message after everything that store, engine and provider can say. These three
 * and the worker are scripts here: no real one fails in all these ways when asked.
 */
#include "notify/send_task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "notify/store/sends.h"

#define ID "0b6e4a0e-7f0c-4a52-8a63-1d2f2f0b9c11"

/* ---- the scripts ------------------------------------------------------------------------------
 */

static struct {
    /* begin_send */
    enum celeriac_err begin;
    enum store_send_state state;
    const char *data;
    const struct store_template_text *template;
    /* engine: fails for the text "bad" with this */
    enum celeriac_err render;
    /* provider */
    enum notify_outcome_kind outcome;
    uint32_t retry_after;
    /* the store's answers, one after the other; the last one stays */
    enum celeriac_err answers[4];
    unsigned answered;
    bool told; /* webhooks have news */
    /* the message */
    unsigned retries;
    bool stopping;
    enum celeriac_err argument;
    const char *argument_text;
} script;

/* What follows failures; all zero is Python's. */
static struct notify_retry_plan plan;

/* What was done, as words; what was stored, and what was sent. */
static char deeds[512];
static char stored[STORE_PROVIDER_RESPONSE_MAX + 1];
static char sent_subject[64], sent_body[64];

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
    size_t len = strlen(deeds);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(deeds + len, sizeof deeds - len, format, args);
    va_end(args);
}

static void copy(struct span from, char *to, size_t size)
{
    assert_in_range(from.len, 0, size - 1);
    memcpy(to, from.ptr ? from.ptr : "", from.len);
    to[from.len] = '\0';
}

/* The store's next answer, with a text as the store has one. */
static enum celeriac_err answer(struct celeriac_error *err)
{
    enum celeriac_err code = script.answers[script.answered];

    if (script.answered + 1 < sizeof script.answers / sizeof script.answers[0])
        script.answered++;
    return code ? celeriac_error_set(err, code, "scripted") : CELERIAC_OK;
}

enum celeriac_err store_begin_send(struct store *s, const struct uuid *id,
                                   struct store_begin_send *begin)
{
    (void)s;
    memset(begin, 0, sizeof *begin);
    begin->id = *id;
    begin->state = script.state;
    begin->look_again_ns = 750 * NS_PER_MS;
    begin->send = (struct store_send){.channel = SPAN("email"),
                                      .to = SPAN("user@example.com"),
                                      .data = span_of(script.data),
                                      .template = script.template};
    return script.begin ? celeriac_error_set(&begin->call.error, script.begin, "scripted")
                        : CELERIAC_OK;
}

void store_call_release(struct store_call *call)
{
    (void)call;
    note("released");
}

/* What store_end_send() is going to do; the response or the error is what it stores. */
static const char *ending;

static void prepare(struct store_end_send *end, const struct uuid *id, const char *what)
{
    memset(end, 0, sizeof *end);
    end->id = *id;
    ending = what;
}

void store_mark_sent_init(struct store_end_send *end, const struct uuid *id, int64_t sent_at_us,
                          struct span response)
{
    prepare(end, id, "mark_sent ");
    assert_true(sent_at_us > 0);
    end->response = response;
}

void store_record_failure_init(struct store_end_send *end, const struct uuid *id,
                               struct span error_text)
{
    prepare(end, id, "record_failure ");
    end->error_text = error_text;
}

void store_dead_letter_init(struct store_end_send *end, const struct uuid *id,
                            struct span error_text, int32_t retry_count)
{
    prepare(end, id, "dead_letter");
    end->error_text = error_text;
    end->retry_count = retry_count;
}

enum celeriac_err store_end_send(struct store *s, struct store_end_send *end,
                                 struct celeriac_error *err)
{
    (void)s;
    copy(end->response.len > 0 ? end->response : end->error_text, stored, sizeof stored);
    note("%s", ending);
    if (strcmp(ending, "dead_letter") == 0)
        note("(%d) ", (int)end->retry_count);
    end->told = script.told;
    return answer(err);
}

enum celeriac_err store_release_claim(struct store *s, const struct uuid *id,
                                      struct celeriac_error *err)
{
    (void)s;
    (void)id;
    note("release_claim ");
    return answer(err);
}

static enum celeriac_err render(struct span source, struct strbuf *out, struct celeriac_error *err)
{
    if (span_is(source, "bad"))
        return celeriac_error_set(err, script.render, "no such template");
    strbuf_add_span(out, source);
    return strbuf_status(out) ? celeriac_error_set(err, strbuf_status(out), "memory") : CELERIAC_OK;
}

enum celeriac_err notify_render_text(struct notify_render *engine, struct span source,
                                     struct span data, struct strbuf *out,
                                     struct celeriac_error *err)
{
    (void)engine;
    (void)data;
    note("render ");
    return render(source, out, err);
}

enum celeriac_err notify_render_once(struct notify_render *engine, struct span source,
                                     struct span data, struct strbuf *out,
                                     struct celeriac_error *err)
{
    (void)engine;
    (void)data;
    note("render_once ");
    return render(source, out, err);
}

void notify_providers_send(struct notify_providers *providers, struct span channel,
                           const struct notify_message *message, struct notify_outcome *outcome)
{
    (void)providers;
    assert_true(span_is(channel, "email"));
    assert_true(span_is(message->id, ID));
    copy(message->subject, sent_subject, sizeof sent_subject);
    copy(message->body, sent_body, sizeof sent_body);
    note("send ");
    if (script.outcome == NOTIFY_OUTCOME_SENT)
        notify_outcome_sent(outcome, "email", "celeriac-smtp", SPAN("<1@x>"));
    else
        notify_outcome_fail(outcome, script.outcome, 450, "busy", "%s", "450 come again");
    outcome->retry_after = script.retry_after;
    assert_false(message->stopping(message->user) != script.stopping);
}

enum celeriac_err celeriac_task_arg_text(struct celeriac_task *task, int position, const char *name,
                                         struct celeriac_bytes *text)
{
    (void)task;
    assert_int_equal(position, 0);
    assert_string_equal(name, "notification_id");
    *text =
        (struct celeriac_bytes){.ptr = script.argument_text, .len = strlen(script.argument_text)};
    return script.argument;
}

unsigned celeriac_task_retries(const struct celeriac_task *task)
{
    (void)task;
    return script.retries;
}

void celeriac_task_return_null(struct celeriac_task *task)
{
    (void)task;
    note("null ");
}

void celeriac_task_fail(struct celeriac_task *task, const struct celeriac_exception *exception)
{
    (void)task;
    note("fail(%s: %s) ", exception->type, exception->message);
}

void celeriac_task_retry(struct celeriac_task *task, int64_t countdown,
                         const struct celeriac_exception *exception)
{
    (void)task;
    note("retry(%d, %s: %s) ", (int)countdown, exception->type, exception->message);
}

bool celeriac_task_stopping(const struct celeriac_task *task)
{
    (void)task;
    return script.stopping;
}

void celeriac_task_postpone(struct celeriac_task *task, double seconds)
{
    (void)task;
    note("postpone(%.2f) ", seconds);
}

/* ---- runs -------------------------------------------------------------------------------------
 */

static const struct store_template_text welcome = {1, SPAN("S"), SPAN("B")};
static const struct store_template_text bad_body = {1, SPAN("S"), SPAN("bad")};
static const struct store_template_text no_subject = {1, {NULL, 0}, SPAN("B")};

static int set_up(void **state)
{
    (void)state;
    memset(&script, 0, sizeof script);
    memset(&plan, 0, sizeof plan);
    script.state = STORE_SEND_READY;
    script.data = "{\"template_data\": {\"a\": 1}}";
    script.template = &welcome;
    script.render = CELERIAC_ERR_VALUE;
    script.argument_text = ID;
    return 0;
}

static void note_news(void *user)
{
    (void)user;
    note("told ");
}

static void assert_deeds(const char *expected)
{
    struct notify_send_task task = {.retries = plan, .told = note_news};
    const struct celeriac_task_options options = notify_send_task_options(&task);

    deeds[0] = stored[0] = '\0';
    script.answered = 0;
    options.run(NULL, options.user);
    assert_string_equal(deeds, expected);
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void options_are_pythons(void **state)
{
    struct notify_send_task task = {.retries = plan};
    const struct celeriac_task_options options = notify_send_task_options(&task);

    (void)state;
    assert_string_equal(options.name, "notifications.tasks.send_notification_task");
    assert_int_equal(options.max_retries, 3);
    assert_int_equal(options.retry_backoff, 1);
    assert_int_equal(options.retry_backoff_max, 900);
    assert_true(options.autoretry);
    assert_false(options.retry_without_jitter);
    assert_true(options.acks_late);
}

static void mail_is_sent_and_recorded(void **state)
{
    (void)state;
    assert_deeds("render render send mark_sent null released");
    assert_string_equal(sent_subject, "S");
    assert_string_equal(sent_body, "B");
    assert_non_null(strstr(stored, "\"message_id\""));
    assert_non_null(strstr(stored, "<1@x>"));
}

static void inline_content_is_rendered_once(void **state)
{
    (void)state;
    script.template = NULL;
    script.data =
        "{\"template_data\": {}, \"inline_subject\": \"s\\u00e9\", \"inline_body\": \"b\"}";
    assert_deeds("render_once render_once send mark_sent null released");
    assert_string_equal(sent_subject, "s\xc3\xa9");
    script.data = "{\"inline_subject\": null, \"inline_body\": \"b\"}";
    assert_deeds("render_once send mark_sent null released");
    assert_string_equal(sent_subject, "");
    script.data = "{}";
    assert_deeds("send mark_sent null released");
    script.template = &no_subject;
    assert_deeds("render send mark_sent null released");
}

static void states_that_need_no_mail(void **state)
{
    (void)state;
    script.state = STORE_SEND_MISSING;
    assert_deeds("null released");
    script.state = STORE_SEND_DONE;
    assert_deeds("null released");
    script.state = STORE_SEND_BUSY;
    assert_deeds("postpone(0.75) released");
}

static void ids_that_are_none(void **state)
{
    static const char *const bad[] = {"", "x", "0b6e4a0e7f0c4a528a631d2f2f0b9c1", ID "0"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        script.argument_text = bad[i];
        assert_deeds("fail(ValidationError: notification_id is no UUID) ");
    }
    script.argument = CELERIAC_ERR_NOT_FOUND;
    assert_deeds("");
}

static void failures_are_recorded_and_retried(void **state)
{
    (void)state;
    script.outcome = NOTIFY_OUTCOME_LATER;
    assert_deeds("render render send record_failure fail(SendError: 450 come again) released");
    assert_string_equal(stored, "450 come again");
    script.outcome = NOTIFY_OUTCOME_NEVER;
    script.retries = 2;
    assert_deeds("render render send record_failure fail(SendError: 450 come again) released");
    script.retries = 3;
    assert_deeds("render render send dead_letter(3) null released");
    script.retries = 4;
    assert_deeds("render render send dead_letter(4) null released");
}

/* Each option does what it says, and nothing else. */
static void options_for_failures(void **state)
{
    struct notify_send_task task = {.retries = {.delay_count = 5}};

    (void)state;
    script.outcome = NOTIFY_OUTCOME_NEVER;
    script.retry_after = 50;
    assert_deeds("render render send record_failure fail(SendError: 450 come again) released");
    plan.give_up_refused = true;
    assert_deeds("render render send dead_letter(0) null released");
    script.outcome = NOTIFY_OUTCOME_UNCONFIGURED;
    assert_deeds("render render send record_failure fail(SendError: 450 come again) released");
    script.outcome = NOTIFY_OUTCOME_LATER;
    assert_deeds("render render send record_failure fail(SendError: 450 come again) released");
    plan.retry_after_max = 40;
    assert_deeds("render render send record_failure retry(40, SendError: 450 come again) released");
    plan.retry_after_max = 0;
    plan.delays[0] = plan.delays[1] = 2;
    plan.delay_count = 2;
    script.retries = 1;
    assert_deeds("render render send record_failure retry(2, SendError: 450 come again) released");
    script.retries = 2;
    assert_deeds("render render send dead_letter(2) null released");
    /* A template that fails can be mended while there are retries left. */
    script.template = &bad_body;
    script.retries = 0;
    assert_deeds("render render record_failure retry(2, TemplateRuntimeError: no such template) "
                 "released");
    assert_int_equal(notify_send_task_options(&task).max_retries, 5);
}

static void templates_that_fail(void **state)
{
    (void)state;
    script.template = &bad_body;
    assert_deeds(
        "render render record_failure fail(TemplateRuntimeError: no such template) released");
    script.render = CELERIAC_ERR_SYNTAX;
    assert_deeds(
        "render render record_failure fail(TemplateSyntaxError: no such template) released");
    script.render = CELERIAC_ERR_LIMIT;
    script.retries = 3;
    assert_deeds("render render dead_letter(3) null released");
}

static void data_that_are_none(void **state)
{
    (void)state;
    script.data = "{";
    assert_deeds("record_failure fail(ValueError: Expecting property name enclosed in double "
                 "quotes: line 1 column 2 (char 1)) released");
    script.data = "{\"template_data\": [1]}";
    assert_deeds("record_failure fail(TypeError: jinja2.environment.Template.render() argument "
                 "after ** must be a mapping, not list) released");
    script.template = NULL;
    script.data = "{\"inline_subject\": \"x\", \"inline_body\": 5}";
    assert_deeds("record_failure fail(TypeError: inline_subject and inline_body must be strings) "
                 "released");
}

/* ---- trouble of ours spends no retry -----------------------------------------------------------
 */

static void database_trouble_at_the_beginning(void **state)
{
    (void)state;
    script.begin = CELERIAC_ERR_MEMORY;
    assert_deeds("postpone(1.00) released");
    script.begin = CELERIAC_ERR_SHUTDOWN;
    assert_deeds("postpone(0.00) released");
}

/* A provider without memory, or one that the stop overtakes, has tried nothing. */
static void provider_that_holds(void **state)
{
    (void)state;
    script.outcome = NOTIFY_OUTCOME_HOLD;
    script.retries = 3;
    assert_deeds("render render send release_claim postpone(1.00) released");
    script.stopping = true;
    assert_deeds("render render send release_claim postpone(0.00) released");
}

static void engine_without_memory(void **state)
{
    (void)state;
    script.template = &bad_body;
    script.render = CELERIAC_ERR_MEMORY;
    script.retries = 3;
    assert_deeds("render render release_claim postpone(1.00) released");
    script.answers[0] = CELERIAC_ERR_SHUTDOWN;
    assert_deeds("render render release_claim postpone(0.00) released");
}

/* Whatever request fails: the mail is sent and recorded, or the claim goes and no retry is spent.
 */
static void want_of_memory_anywhere(void **state)
{
    size_t n = 1;
    bool failed = true;

    (void)state;
    log_set_level(LOG_CRITICAL);
    script.template = NULL;
    script.data =
        "{\"template_data\": {}, \"inline_subject\": \"\\u00e9\", \"inline_body\": \"b\"}";
    for (; failed; n++) {
        struct notify_send_task task = {.retries = plan};
        const struct celeriac_task_options options = notify_send_task_options(&task);

        deeds[0] = '\0';
        mem_fail_at(n);
        options.run(NULL, options.user);
        failed = mem_has_failed();
        mem_fail_at(0);
        if (strcmp(deeds, "render_once render_once send mark_sent null released") != 0 &&
            strcmp(strstr(deeds, "release_claim"), "release_claim postpone(1.00) released") != 0)
            fail_msg("%s", deeds);
    }
    log_set_level(LOG_INFO);
    assert_true(n > 5);
}

/* A failure that cannot be recorded leaves no claim: the next attempt would wait for ever. */
static void failure_that_is_not_recorded(void **state)
{
    (void)state;
    script.outcome = NOTIFY_OUTCOME_LATER;
    script.answers[0] = CELERIAC_ERR_VALUE;
    assert_deeds("render render send record_failure release_claim postpone(1.00) released");
    script.retries = 3;
    script.answers[0] = CELERIAC_ERR_MEMORY;
    assert_deeds("render render send dead_letter(3) release_claim postpone(1.00) released");
    script.answers[0] = CELERIAC_ERR_SHUTDOWN;
    assert_deeds("render render send dead_letter(3) postpone(0.00) released");
}

/* A mail that is out is recorded in plain words rather than sent again. */
static void success_that_is_not_recorded(void **state)
{
    (void)state;
    script.answers[0] = CELERIAC_ERR_VALUE;
    assert_deeds("render render send mark_sent mark_sent null released");
    assert_string_equal(stored, "{\"status\": \"sent\"}");
    script.answers[0] = script.answers[1] = script.answers[2] = CELERIAC_ERR_MEMORY;
    assert_deeds("render render send mark_sent mark_sent mark_sent mark_sent null released");
    script.answers[1] = CELERIAC_ERR_SHUTDOWN;
    assert_deeds("render render send mark_sent mark_sent postpone(0.00) released");
    script.answers[0] = CELERIAC_ERR_SHUTDOWN;
    assert_deeds("render render send mark_sent postpone(0.00) released");
    /* The claim stays: whoever had it next would send the mail twice. */
    script.answers[0] = script.answers[1] = CELERIAC_ERR_VALUE;
    assert_deeds("render render send mark_sent mark_sent postpone(1.00) released");
}

/* Whoever publishes for webhooks hears of it once it is recorded, and only then. */
static void webhooks_hear_of_it(void **state)
{
    (void)state;
    script.told = true;
    assert_deeds("render render send mark_sent told null released");
    script.answers[0] = CELERIAC_ERR_SHUTDOWN;
    assert_deeds("render render send mark_sent postpone(0.00) released");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(options_are_pythons, set_up),
        cmocka_unit_test_setup(webhooks_hear_of_it, set_up),
        cmocka_unit_test_setup(mail_is_sent_and_recorded, set_up),
        cmocka_unit_test_setup(inline_content_is_rendered_once, set_up),
        cmocka_unit_test_setup(states_that_need_no_mail, set_up),
        cmocka_unit_test_setup(ids_that_are_none, set_up),
        cmocka_unit_test_setup(failures_are_recorded_and_retried, set_up),
        cmocka_unit_test_setup(options_for_failures, set_up),
        cmocka_unit_test_setup(provider_that_holds, set_up),
        cmocka_unit_test_setup(templates_that_fail, set_up),
        cmocka_unit_test_setup(data_that_are_none, set_up),
        cmocka_unit_test_setup(database_trouble_at_the_beginning, set_up),
        cmocka_unit_test_setup(engine_without_memory, set_up),
        cmocka_unit_test_setup(want_of_memory_anywhere, set_up),
        cmocka_unit_test_setup(failure_that_is_not_recorded, set_up),
        cmocka_unit_test_setup(success_that_is_not_recorded, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
