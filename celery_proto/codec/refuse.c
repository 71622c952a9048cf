#include "celery_proto/codec/refuse.h"

const char *cel_refuse_name(enum cel_refuse cause)
{
    static const char *const names[CEL_REFUSE_COUNT] = {
        [CEL_REFUSE_NONE] = "none",
        [CEL_REFUSE_NOT_JSON] = "not-json",
        [CEL_REFUSE_NOT_OBJECT] = "not-an-object",
        [CEL_REFUSE_TOO_LARGE] = "too-large",
        [CEL_REFUSE_PROPERTIES] = "no-properties",
        [CEL_REFUSE_DELIVERY_TAG] = "no-delivery-tag",
        [CEL_REFUSE_HEADERS] = "bad-headers",
        [CEL_REFUSE_FIELD] = "bad-field",
        [CEL_REFUSE_BODY_ENCODING] = "unknown-body-encoding",
        [CEL_REFUSE_BODY_TEXT] = "bad-body-text",
        [CEL_REFUSE_COMPRESSION] = "unknown-compression",
        [CEL_REFUSE_COMPRESSED_DATA] = "bad-compressed-data",
        [CEL_REFUSE_CONTENT_TYPE] = "content-type-not-accepted",
        [CEL_REFUSE_BODY_JSON] = "body-not-json",
        [CEL_REFUSE_UNKNOWN_MESSAGE] = "no-task",
        [CEL_REFUSE_TASK] = "bad-task",
        [CEL_REFUSE_ID] = "no-id",
        [CEL_REFUSE_BODY_SHAPE] = "bad-body-shape",
        [CEL_REFUSE_ARGS] = "bad-args",
        [CEL_REFUSE_KWARGS] = "bad-kwargs",
        [CEL_REFUSE_EMBED] = "bad-embed",
        [CEL_REFUSE_ETA] = "bad-eta",
        [CEL_REFUSE_EXPIRES] = "bad-expires",
        [CEL_REFUSE_HEADER] = "bad-header",
    };

    return cause >= CEL_REFUSE_NONE && cause < CEL_REFUSE_COUNT ? names[cause] : "unknown";
}
