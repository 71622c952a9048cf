#include "worker/heartbeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void test_beats_keep_their_time(void **state)
{
    (void)state;
    assert_int_equal(cel_heartbeat_next(100, 101, 10), 110);
    assert_int_equal(cel_heartbeat_next(100, 109, 10), 110);
    /* After a pause no beat is made up for. */
    assert_int_equal(cel_heartbeat_next(100, 110, 10), 120);
    assert_int_equal(cel_heartbeat_next(100, 995, 10), 1005);
}

static void test_checklist_78_envelope(void **state)
{
    struct cel_events *events = NULL;
    struct cel_live *live = NULL;
    struct strbuf out;

    (void)state;
    assert_int_equal(
        cel_events_create(&(struct cel_events_options){.hostname = SPAN("n@h"), .wake_fd = -1},
                          &events),
        CELERIAC_OK);
    assert_int_equal(cel_live_create(&live), CELERIAC_OK);
    strbuf_init(&out, 100000);
    assert_int_equal(cel_heartbeat_write(events, live, CEL_WORKER_HEARTBEAT, 2, &out), CELERIAC_OK);
    assert_non_null(strstr(strbuf_text(&out), "\"routing_key\": \"worker.heartbeat\""));
    assert_int_equal(cel_lamport_value(cel_events_clock(events)), 1);
    strbuf_close(&out);
    strbuf_init(&out, 10);
    assert_int_equal(cel_heartbeat_write(events, live, CEL_WORKER_OFFLINE, 2, &out),
                     CELERIAC_ERR_LIMIT);
    strbuf_close(&out);
    cel_live_destroy(live);
    cel_events_destroy(events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beats_keep_their_time),
        cmocka_unit_test(test_checklist_78_envelope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
