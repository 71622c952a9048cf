#include "api/request_fields.h"

#include "notify/rules/channel.h"
#include "notify/rules/template.h"
#include "notify/store/api_keys.h"
#include "notify/store/retry.h"
#include "notify/store/tenants.h"
#include "notify/store/webhook_endpoints.h"

/* The names of enum notify_channel, in its order; a test compares them. */
const char *const request_channels[] = {"email", "sms", "whatsapp", "push", NULL};

const struct field register_fields[REGISTER_FIELDS] = {
    [REGISTER_NAME] = {.name = "name",
                       .type = FIELD_TEXT,
                       .required = true,
                       .max_length = STORE_TENANT_NAME_MAX,
                       .help = "The business' name",
                       .example = "\"Acme\""},
    [REGISTER_EMAIL] = {.name = "email",
                        .type = FIELD_EMAIL,
                        .required = true,
                        .max_length = STORE_TENANT_EMAIL_MAX,
                        .help = "Its address; no other tenant may have the same",
                        .example = "\"ops@acme.example\""},
};

const struct field key_fields[KEY_FIELDS] = {
    [KEY_NAME] = {.name = "name",
                  .type = FIELD_TEXT,
                  .allow_blank = true,
                  .max_length = STORE_KEY_NAME_MAX,
                  .help = "What the key is for; empty by default",
                  .example = "\"billing server\""},
    [KEY_IS_TEST] = {.name = "is_test",
                     .type = FIELD_BOOLEAN,
                     .help = "Whether to make an sk_test_ key instead of an sk_live_ key",
                     .example = "false"},
};

const struct field rotate_fields[ROTATE_FIELDS] = {
    [ROTATE_GRACE_SECONDS] = {.name = "grace_seconds",
                              .type = FIELD_INTEGER,
                              .help = "How long the old key goes on to work, up to 30 days; a day "
                                      "by default",
                              .example = "3600"},
    [ROTATE_IS_TEST] = {.name = "is_test",
                        .type = FIELD_BOOLEAN,
                        .help = "Whether to make an sk_test_ key, where that of the old key is not "
                                "known",
                        .example = "false"},
};

const struct field template_fields[TEMPLATE_FIELDS] = {
    [TEMPLATE_NAME] = {.name = "name",
                       .type = FIELD_TEXT,
                       .required = true,
                       .max_length = NOTIFY_TEMPLATE_NAME_MAX,
                       .check = notify_template_name_ok,
                       .check_message = NOTIFY_TEMPLATE_BAD_NAME,
                       .pattern = "^[a-zA-Z][a-zA-Z0-9_]*$",
                       .help = "Unique within the tenant",
                       .example = "\"welcome\""},
    [TEMPLATE_CHANNEL] = {.name = "channel",
                          .type = FIELD_CHOICE,
                          .required = true,
                          .choices = request_channels,
                          .help = "What the template is for",
                          .example = "\"email\""},
    [TEMPLATE_SUBJECT] = {.name = "subject",
                          .type = FIELD_TEXT,
                          .allow_null = true,
                          .allow_blank = true,
                          .max_length = NOTIFY_TEMPLATE_SUBJECT_MAX,
                          .help = "Source of the subject; an email template must have one",
                          .example = "\"Welcome, {{ name }}\""},
    [TEMPLATE_BODY] = {.name = "body",
                       .type = FIELD_TEXT,
                       .required = true,
                       .help = "Source of the body",
                       .example = "\"Hello {{ name }}, good to have you here.\""},
    [TEMPLATE_VARIABLES] = {.name = "variables",
                            .type = FIELD_JSON,
                            .help = "Notes on the template's variables; {} by default",
                            .example = "{\"name\": \"first name\"}"},
    [TEMPLATE_IS_ACTIVE] = {.name = "is_active",
                            .type = FIELD_BOOLEAN,
                            .help = "Whether it can be used; true by default",
                            .example = "true"},
};

const struct field preview_fields[PREVIEW_FIELDS] = {
    [PREVIEW_DATA] = {.name = "data",
                      .type = FIELD_JSON,
                      .help = "The variables to render with; {} by default",
                      .example = "{\"name\": \"Ada\"}"},
};

const struct field restore_fields[RESTORE_FIELDS] = {
    [RESTORE_VERSION] = {.name = "version",
                         .type = FIELD_INTEGER,
                         .required = true,
                         .help = "Number of the version",
                         .example = "1"},
};

const struct field source_fields[SOURCE_FIELDS] = {
    [SOURCE_DATA] = {.name = "data",
                     .type = FIELD_JSON,
                     .help = "The variables to render with; {} by default",
                     .example = "{\"name\": \"Ada\"}"},
    [SOURCE_SUBJECT] = {.name = "subject",
                        .type = FIELD_TEXT,
                        .allow_null = true,
                        .allow_blank = true,
                        .max_length = NOTIFY_TEMPLATE_SUBJECT_MAX,
                        .help = "Source of the subject",
                        .example = "\"Welcome, {{ name }}\""},
    [SOURCE_BODY] = {.name = "body",
                     .type = FIELD_TEXT,
                     .allow_blank = true,
                     .help = "Source of the body",
                     .example = "\"Hello {{ name }}, good to have you here.\""},
};

const struct field notify_fields[NOTIFY_FIELDS] = {
    [NOTIFY_CHANNEL] = {.name = "channel",
                        .type = FIELD_CHOICE,
                        .required = true,
                        .choices = request_channels,
                        .help = "The way to the recipient",
                        .example = "\"email\""},
    [NOTIFY_TO] = {.name = "to",
                   .type = FIELD_TEXT,
                   .required = true,
                   .max_length = NOTIFY_TO_MAX,
                   .help = "The recipient: email address, phone number in E.164, or token",
                   .example = "\"ada@example.com\""},
    [NOTIFY_TEMPLATE] = {.name = "template",
                         .type = FIELD_TEXT,
                         .allow_null = true,
                         .help = "Name of the template"},
    [NOTIFY_TEMPLATE_ID] = {.name = "template_id",
                            .type = FIELD_INTEGER,
                            .allow_null = true,
                            .help = "Id of the template"},
    [NOTIFY_SUBJECT] = {.name = "subject",
                        .type = FIELD_TEXT,
                        .allow_null = true,
                        .allow_blank = true,
                        .max_length = NOTIFY_TEMPLATE_SUBJECT_MAX,
                        .help = "Source of the subject, when there is no template",
                        .example = "\"Welcome, {{ name }}\""},
    [NOTIFY_BODY] = {.name = "body",
                     .type = FIELD_TEXT,
                     .allow_null = true,
                     .allow_blank = true,
                     .help = "Source of the body, when there is no template",
                     .example = "\"Hello {{ name }}.\""},
    [NOTIFY_DATA] = {.name = "data",
                     .type = FIELD_JSON,
                     .help = "The variables to render with; {} by default",
                     .example = "{\"name\": \"Ada\"}"},
    [NOTIFY_SEND_AT] = {.name = "send_at",
                        .type = FIELD_TIME,
                        .allow_null = true,
                        .help = "When to send it; at once by default"},
};

const struct field retry_fields[RETRY_FIELDS] = {
    [RETRY_CHANNEL] = {.name = "channel",
                       .type = FIELD_CHOICE,
                       .choices = request_channels,
                       .help = "Of notifications by this channel"},
    [RETRY_TEMPLATE] = {.name = "template",
                        .type = FIELD_TEXT,
                        .max_length = NOTIFY_TEMPLATE_NAME_MAX,
                        .help = "Of notifications with the template of this name"},
    [RETRY_AFTER] = {.name = "created_after", .type = FIELD_TIME, .help = "Given up then or later"},
    [RETRY_BEFORE] = {.name = "created_before", .type = FIELD_TIME, .help = "Given up before then"},
    [RETRY_REASON] = {.name = "reason_contains",
                      .type = FIELD_TEXT,
                      .max_length = STORE_REASON_MAX,
                      .help = "With this text in the reason"},
    [RETRY_LIMIT] = {.name = "limit",
                     .type = FIELD_INTEGER,
                     .help = "At most so many, 1 to 1,000; 1,000 by default"},
};

/* The names of enum store_webhook_event, in its order; a test compares them. */
const char *const request_webhook_events[] = {"notification.sent", "notification.failed", NULL};

const struct field webhook_fields[WEBHOOK_FIELDS] = {
    [WEBHOOK_URL] = {.name = "url",
                     .type = FIELD_TEXT,
                     .required = true,
                     .max_length = STORE_WEBHOOK_URL_MAX,
                     .help = "Where to post events: https, a host's name or a public address",
                     .example = "\"https://hooks.acme.example/notifications\""},
    [WEBHOOK_EVENTS] = {.name = "events",
                        .type = FIELD_CHOICES,
                        .choices = request_webhook_events,
                        .help = "What to post there; all of them by default",
                        .example = "[\"notification.failed\"]"},
    [WEBHOOK_DESCRIPTION] = {.name = "description",
                             .type = FIELD_TEXT,
                             .allow_blank = true,
                             .max_length = STORE_WEBHOOK_DESCRIPTION_MAX,
                             .help = "What it is for; empty by default",
                             .example = "\"billing\""},
    [WEBHOOK_IS_ACTIVE] = {.name = "is_active",
                           .type = FIELD_BOOLEAN,
                           .help = "Whether anything is posted",
                           .example = "true"},
};

const struct field secret_fields[SECRET_FIELDS] = {
    [SECRET_GRACE_SECONDS] = {.name = "grace_seconds",
                              .type = FIELD_INTEGER,
                              .help = "How long the old secret signs too, up to 30 days; a day by "
                                      "default",
                              .example = "3600"},
};
