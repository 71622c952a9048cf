/* The real route table against the rules that the code around it relies on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/handlers.h"
#include "api/request_fields.h"
#include "notify/rules/channel.h"
#include "notify/rules/notification.h"
#include "notify/rules/webhook_url.h"
#include "notify/store/webhook_endpoints.h"

/* A path that a row's pattern matches. */
static void example_of(const char *pattern, char *path, size_t size)
{
    const char *parameter = strchr(pattern, '{');
    const char *rest = parameter ? strchr(parameter, '}') + 1 : "";
    const char *value = "3f2b1c4d-0000-4000-8000-abcdefabcdef";

    if (!parameter)
        value = "";
    else if (strncmp(parameter, "{int}", 5) == 0 || strncmp(parameter, "{key}", 5) == 0)
        value = "7";
    else if (strncmp(parameter, "{file}", 6) == 0)
        value = "style.css";

    (void)snprintf(path, size, "%.*s%s%s",
                   (int)(parameter ? (size_t)(parameter - pattern) : strlen(pattern)), pattern,
                   value, rest);
}

static void every_row_is_reached_and_guarded(void **state)
{
    (void)state;
    for (const struct route *row = api_routes; row->path; row++) {
        struct route_params params;
        char path[200];

        example_of(row->path, path, sizeof path);
        assert_ptr_equal(route_find(api_routes, span_of(path), &params), row);
        assert_int_equal(row->access, route_access_of(span_of(path)));
        assert_true(row->path[strlen(row->path) - 1] == '/' || strchr(path, '.'));
        assert_non_null(row->operations[0].handle);
        for (const struct route_operation *op = row->operations; op->handle; op++)
            assert_true(op->summary && op->summary[0]);
    }
}

static void field_tables_are_complete(void **state)
{
    static const struct {
        const struct field *fields;
        size_t count;
    } tables[] = {
        {register_fields, REGISTER_FIELDS}, {key_fields, KEY_FIELDS},
        {template_fields, TEMPLATE_FIELDS}, {preview_fields, PREVIEW_FIELDS},
        {source_fields, SOURCE_FIELDS},     {restore_fields, RESTORE_FIELDS},
        {notify_fields, NOTIFY_FIELDS},     {webhook_fields, WEBHOOK_FIELDS},
        {secret_fields, SECRET_FIELDS},
    };

    (void)state;
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct field *f = &tables[t].fields[i];

            assert_true(f->name && f->help);
            assert_int_equal(f->type == FIELD_CHOICE || f->type == FIELD_CHOICES,
                             f->choices != NULL);
            assert_int_equal(f->check != NULL, f->check_message != NULL);
            assert_int_equal(f->check != NULL, f->pattern != NULL);
        }
    }
}

/* What the rules take the table has room for. */
static void limits_agree(void **state)
{
    (void)state;
    assert_int_equal(STORE_WEBHOOK_URL_MAX, NOTIFY_WEBHOOK_URL_MAX);
}

static void choices_are_the_names(void **state)
{
    const char *const *choices = notify_fields[NOTIFY_CHANNEL].choices;

    (void)state;
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++)
        assert_string_equal(choices[i], notify_channel_name((enum notify_channel)i));
    assert_null(choices[NOTIFY_CHANNEL_COUNT]);
    for (int i = 0; i < NOTIFY_STATUS_COUNT; i++)
        assert_string_equal(notification_statuses[i], notify_status_name((enum notify_status)i));
    assert_null(notification_statuses[NOTIFY_STATUS_COUNT]);
    for (int i = 0; i < STORE_WEBHOOK_EVENT_COUNT; i++)
        assert_string_equal(request_webhook_events[i],
                            store_webhook_event_name((enum store_webhook_event)i));
    assert_null(request_webhook_events[STORE_WEBHOOK_EVENT_COUNT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_reached_and_guarded),
        cmocka_unit_test(field_tables_are_complete),
        cmocka_unit_test(choices_are_the_names),
        cmocka_unit_test(limits_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
