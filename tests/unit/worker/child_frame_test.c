/* worker/child_frame.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/child_frame.h"

struct fixture {
    struct strbuf out;
    struct celeriac_task task; /* for its outcome */
    struct cel_outcome read;
};

static int set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    strbuf_init(&f->out, CEL_FRAME_MAX);
    cel_task_context_init(&f->task, NULL);
    strbuf_init(&f->read.result, CEL_RETURN_MAX);
    strbuf_init(&f->read.exception, CEL_RETURN_MAX);
    strbuf_init(&f->read.children, CEL_CHILDREN_MAX);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    strbuf_close(&f->out);
    cel_task_context_close(&f->task);
    strbuf_close(&f->read.result);
    strbuf_close(&f->read.exception);
    strbuf_close(&f->read.children);
    mem_free(f);
    return 0;
}

/* The payload of the one frame in f->out. */
static struct span payload(struct fixture *f, enum cel_frame_kind kind)
{
    struct cel_frame frame = {0};
    bool whole = false;

    assert_int_equal(cel_frame_take(strbuf_span(&f->out), &frame, &whole), CELERIAC_OK);
    assert_true(whole);
    assert_int_equal(frame.kind, kind);
    assert_int_equal(frame.payload.len + CEL_FRAME_HEADER, f->out.len);
    return frame.payload;
}

static enum celeriac_err read_back(struct fixture *f, int64_t *memory)
{
    return cel_frame_read_outcome(payload(f, CEL_FRAME_OUTCOME), &f->read, memory);
}

static void there_and_back(struct fixture *f)
{
    int64_t memory = 0;

    strbuf_clear(&f->out);
    assert_int_equal(cel_frame_add_outcome(&f->task.outcome, 4711, &f->out), CELERIAC_OK);
    assert_int_equal(read_back(f, &memory), CELERIAC_OK);
    assert_int_equal(memory, 4711);
    assert_int_equal(f->read.kind, f->task.outcome.kind);
}

/* ---- frames -------------------------------------------------------------------------------- */

static void plain_frames_travel(void **state)
{
    struct fixture *f = *state;

    cel_frame_add_plain(CEL_FRAME_READY, &f->out);
    assert_int_equal(payload(f, CEL_FRAME_READY).len, 0);
    strbuf_clear(&f->out);
    cel_frame_add_plain(CEL_FRAME_BEGUN, &f->out);
    assert_int_equal(payload(f, CEL_FRAME_BEGUN).len, 0);
    strbuf_clear(&f->out);
    cel_frame_add_failed(SPAN("no database"), &f->out);
    assert_true(span_is(payload(f, CEL_FRAME_FAILED), "no database"));
}

static void a_long_reason_is_cut(void **state)
{
    struct fixture *f = *state;
    char text[CEL_FRAME_FAILED_MAX + 1];

    memset(text, 'x', sizeof text);
    cel_frame_add_failed((struct span){text, sizeof text - 1}, &f->out);
    assert_int_equal(payload(f, CEL_FRAME_FAILED).len, CEL_FRAME_FAILED_MAX);
    strbuf_clear(&f->out);
    cel_frame_add_failed((struct span){text, sizeof text}, &f->out);
    assert_int_equal(payload(f, CEL_FRAME_FAILED).len, CEL_FRAME_FAILED_MAX);
}

static void the_first_of_several_is_taken(void **state)
{
    struct fixture *f = *state;
    struct cel_frame frame = {0};
    bool whole = false;

    cel_frame_add_plain(CEL_FRAME_BEGUN, &f->out);
    cel_frame_add_failed(SPAN("later"), &f->out);
    assert_int_equal(cel_frame_take(strbuf_span(&f->out), &frame, &whole), CELERIAC_OK);
    assert_true(whole);
    assert_int_equal(frame.kind, CEL_FRAME_BEGUN);
}

static void a_frame_cut_anywhere_is_not_whole(void **state)
{
    struct fixture *f = *state;
    const struct cel_frame_request request = {.soft_deadline_ns = 5, .message = SPAN("{\"a\": 1}")};
    struct cel_frame frame = {0};
    bool whole = true;

    assert_int_equal(cel_frame_add_request(&request, &f->out), CELERIAC_OK);
    for (size_t len = 0; len < f->out.len; len++) {
        whole = true;
        assert_int_equal(cel_frame_take((struct span){f->out.ptr, len}, &frame, &whole),
                         CELERIAC_OK);
        assert_false(whole);
    }
}

static void what_is_no_frame_is_refused(void **state)
{
    /* kind, three bytes of zero, length */
    static const char bad[][CEL_FRAME_HEADER] = {{0, 0, 0, 0, 0, 0, 0, 0},
                                                 {6, 0, 0, 0, -1, -1, -1, 127},
                                                 {'n', 'o', 'n', 's', 'e', 'n', 's', 'e'},
                                                 {1, 1, 0, 0, 0, 0, 0, 0},
                                                 {7, 0, 0, 0, 0, 0, 0, 0},
                                                 {1, 0, 0, 1, 0, 0, 0, 0},
                                                 {1, 0, 0, 0, 1, 0, 0, 0},
                                                 {4, 0, 0, 0, 1, 0, 0, 0},
                                                 {2, 0, 0, 0, 1, 1, 0, 0},
                                                 {3, 0, 0, 0, -1, -1, -1, -1},
                                                 {5, 0, 0, 0, -1, -1, -1, 127}};
    struct cel_frame frame = {0};
    bool whole = false;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(cel_frame_take((struct span){bad[i], CEL_FRAME_HEADER}, &frame, &whole),
                         CELERIAC_ERR_PROTOCOL);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void a_request_travels(void **state)
{
    struct fixture *f = *state;
    const struct cel_frame_request request = {.soft_deadline_ns = INT64_C(0x0102030405060708),
                                              .message = SPAN("{\"body\": \"W10=\"}")};
    struct cel_frame_request read = {0};

    assert_int_equal(cel_frame_add_request(&request, &f->out), CELERIAC_OK);
    assert_int_equal(cel_frame_read_request(payload(f, CEL_FRAME_REQUEST), &read), CELERIAC_OK);
    assert_true(read.soft_deadline_ns == request.soft_deadline_ns);
    assert_true(span_equal(read.message, request.message));
    for (size_t len = 0; len < 8; len++)
        assert_int_equal(
            cel_frame_read_request((struct span){f->out.ptr + CEL_FRAME_HEADER, len}, &read),
            CELERIAC_ERR_PROTOCOL);
}

static void a_request_has_a_limit(void **state)
{
    struct fixture *f = *state;
    struct cel_frame_request request = {0};
    char *text = mem_calloc(CEL_ENVELOPE_MAX + 1, 1);

    assert_non_null(text);
    request.message = (struct span){text, CEL_ENVELOPE_MAX};
    assert_int_equal(cel_frame_add_request(&request, &f->out), CELERIAC_OK);
    assert_int_equal(payload(f, CEL_FRAME_REQUEST).len, CEL_ENVELOPE_MAX + 8);
    strbuf_clear(&f->out);
    request.message.len++;
    assert_int_equal(cel_frame_add_request(&request, &f->out), CELERIAC_ERR_LIMIT);
    mem_free(text);
}

/* ---- outcomes ------------------------------------------------------------------------------ */

static void success_travels(void **state)
{
    struct fixture *f = *state;

    there_and_back(f);
    assert_int_equal(f->read.result.len, 0);
    assert_false(f->read.has_exception);
    celeriac_task_return_text(&f->task, "done");
    there_and_back(f);
    assert_true(span_is(strbuf_span(&f->read.result), "\"done\""));
}

static void exceptions_travel(void **state)
{
    struct fixture *f = *state;

    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "Odd",
                                                              .module = "shop.errors",
                                                              .message = "not again"});
    there_and_back(f);
    assert_true(f->read.has_exception && f->read.has_message);
    assert_true(span_is(cel_outcome_type(&f->read), "Odd"));
    assert_true(span_is(cel_outcome_module(&f->read), "shop.errors"));
    assert_true(span_is(cel_outcome_message(&f->read), "not again"));
    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "Odd"});
    there_and_back(f);
    assert_true(f->read.has_exception);
    assert_false(f->read.has_message);
}

static void other_ends_travel(void **state)
{
    struct fixture *f = *state;

    celeriac_task_retry(&f->task, -1, NULL);
    there_and_back(f);
    assert_int_equal(f->read.countdown, -1);
    assert_false(f->read.has_exception);
    celeriac_task_retry(&f->task, 77, &(struct celeriac_exception){.message = ""});
    there_and_back(f);
    assert_int_equal(f->read.countdown, 77);
    assert_true(f->read.has_exception && f->read.has_message);
    celeriac_task_reject(&f->task, true);
    there_and_back(f);
    assert_true(f->read.requeue);
    celeriac_task_reject(&f->task, false);
    there_and_back(f);
    assert_false(f->read.requeue);
    celeriac_task_postpone(&f->task, 1.25);
    there_and_back(f);
    assert_true(f->read.seconds > 1.24 && f->read.seconds < 1.26);
    celeriac_task_ignore(&f->task);
    there_and_back(f);
}

static void children_travel(void **state)
{
    struct fixture *f = *state;

    strbuf_add_text(&f->task.outcome.children, "[[\"a\", null], null]");
    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "Odd", .message = "x"});
    there_and_back(f);
    assert_true(span_is(strbuf_span(&f->read.children), "[[\"a\", null], null]"));
    assert_true(span_is(cel_outcome_message(&f->read), "x"));
}

static void a_state_travels(void **state)
{
    struct fixture *f = *state;
    const struct cel_frame_state told = {
        .name = SPAN("PROGRESS"), .children = SPAN("[]"), .meta = SPAN("{\"n\": 1}")};
    struct cel_frame_state read = {0};
    struct span all;

    assert_int_equal(cel_frame_add_state(&told, &f->out), CELERIAC_OK);
    all = payload(f, CEL_FRAME_STATE);
    assert_int_equal(cel_frame_read_state(all, &read), CELERIAC_OK);
    assert_true(span_equal(read.name, told.name));
    assert_true(span_equal(read.children, told.children));
    assert_true(span_equal(read.meta, told.meta));
    /* The meta is what is left; all before it must be there. */
    for (size_t len = 0; len < all.len - told.meta.len; len++)
        assert_int_equal(cel_frame_read_state((struct span){all.ptr, len}, &read),
                         CELERIAC_ERR_PROTOCOL);
}

static void a_state_has_limits(void **state)
{
    struct fixture *f = *state;
    char *text = mem_calloc(CEL_RETURN_MAX + 1, 1);
    struct cel_frame_state told = {.name = {text, CEL_FRAME_STATE_NAME_MAX},
                                   .children = {text, CEL_CHILDREN_MAX},
                                   .meta = {text, CEL_RETURN_MAX}};

    assert_non_null(text);
    assert_int_equal(cel_frame_add_state(&told, &f->out), CELERIAC_OK);
    assert_int_equal(payload(f, CEL_FRAME_STATE).len, CEL_FRAME_STATE_MAX);
    told.name.len++;
    assert_int_equal(cel_frame_add_state(&told, &f->out), CELERIAC_ERR_LIMIT);
    told.name.len--;
    told.children.len++;
    assert_int_equal(cel_frame_add_state(&told, &f->out), CELERIAC_ERR_LIMIT);
    told.children.len--;
    told.meta.len++;
    assert_int_equal(cel_frame_add_state(&told, &f->out), CELERIAC_ERR_LIMIT);
    assert_int_equal(cel_frame_read_state(SPAN("\0\0\0\0\0\0\0\0meta"), &told),
                     CELERIAC_ERR_PROTOCOL);
    mem_free(text);
}

/* What was said before the last word is not sent along. */
static void only_the_last_word_travels(void **state)
{
    struct fixture *f = *state;

    strbuf_add_text(&f->task.outcome.result, "\"left over\"");
    f->task.outcome.kind = CEL_OUTCOME_IGNORE;
    there_and_back(f);
    assert_int_equal(f->read.result.len, 0);
}

static void an_outcome_cut_anywhere_is_refused(void **state)
{
    struct fixture *f = *state;
    struct span all;
    int64_t memory = 0;

    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "Odd", .message = "x"});
    assert_int_equal(cel_frame_add_outcome(&f->task.outcome, 1, &f->out), CELERIAC_OK);
    all = payload(f, CEL_FRAME_OUTCOME);
    for (size_t len = 0; len < all.len; len++)
        assert_int_equal(cel_frame_read_outcome((struct span){all.ptr, len}, &f->read, &memory),
                         CELERIAC_ERR_PROTOCOL);
}

/* One byte of the fixed part changed; every such outcome is refused or still within its bytes. */
static void a_spoilt_outcome_never_reaches_beyond_its_bytes(void **state)
{
    struct fixture *f = *state;
    struct span all;
    int64_t memory = 0;
    size_t refused = 0;

    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "Odd", .message = "x"});
    assert_int_equal(cel_frame_add_outcome(&f->task.outcome, 1, &f->out), CELERIAC_OK);
    all = payload(f, CEL_FRAME_OUTCOME);
    for (size_t i = 0; i < 48; i++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            char *byte = f->out.ptr + CEL_FRAME_HEADER + i;

            *byte = (char)(*byte ^ (char)flip);
            if (cel_frame_read_outcome(all, &f->read, &memory))
                refused++;
            else
                assert_int_equal(f->read.type_len + f->read.module_len + f->read.message_len,
                                 f->read.exception.len);
            *byte = (char)(*byte ^ (char)flip);
        }
    }
    /* Kind: all but the five others; flags: all but "requeue" and none; lengths: all. */
    assert_true(refused > 20 * 255 - 20);
}

static void a_result_has_a_limit(void **state)
{
    struct fixture *f = *state;
    char *text = mem_calloc(CEL_RETURN_MAX + 1, 1);
    int64_t memory;

    assert_non_null(text);
    memset(text, '1', CEL_RETURN_MAX + 1);
    strbuf_add(&f->task.outcome.result, text, CEL_RETURN_MAX);
    assert_int_equal(cel_frame_add_outcome(&f->task.outcome, 0, &f->out), CELERIAC_OK);
    assert_int_equal(read_back(f, &memory), CELERIAC_OK);
    assert_int_equal(f->read.result.len, CEL_RETURN_MAX);
    strbuf_clear(&f->out);
    f->task.outcome.result.max++;
    strbuf_add_char(&f->task.outcome.result, '1');
    assert_int_equal(cel_frame_add_outcome(&f->task.outcome, 0, &f->out), CELERIAC_ERR_LIMIT);
    mem_free(text);
}

static void survives_every_failing_allocation(void **state)
{
    struct fixture *f = *state;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    int64_t memory = 0;

    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "Odd", .message = "x"});
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        assert_true(n < 100);
        strbuf_close(&f->out);
        strbuf_close(&f->read.result);
        strbuf_close(&f->read.exception);
        mem_fail_at(n);
        code = cel_frame_add_outcome(&f->task.outcome, 1, &f->out);
        if (code == CELERIAC_OK)
            code = read_back(f, &memory);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
    }
    assert_int_equal(memory, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_frames_travel),
        TEST(a_long_reason_is_cut),
        TEST(the_first_of_several_is_taken),
        TEST(a_frame_cut_anywhere_is_not_whole),
        TEST(what_is_no_frame_is_refused),
        TEST(a_request_travels),
        TEST(a_request_has_a_limit),
        TEST(success_travels),
        TEST(exceptions_travel),
        TEST(other_ends_travel),
        TEST(children_travel),
        TEST(a_state_travels),
        TEST(a_state_has_limits),
        TEST(only_the_last_word_travels),
        TEST(an_outcome_cut_anywhere_is_refused),
        TEST(a_spoilt_outcome_never_reaches_beyond_its_bytes),
        TEST(a_result_has_a_limit),
        TEST(survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
