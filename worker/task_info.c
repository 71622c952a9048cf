#include "worker/task_info.h"

static void write_text(struct json_writer *w, struct span text)
{
    if (text.ptr)
        json_string(w, text);
    else
        json_null(w);
}

static void write_arguments(struct json_writer *w, struct span raw, struct span shown,
                            const char *empty, bool safe)
{
    if (safe)
        json_string(w, shown);
    else
        json_value(w, raw.len > 0 ? raw : span_of(empty));
}

static void write_delivery_info(struct json_writer *w, const struct cel_task_message *message,
                                struct span queue)
{
    json_begin_object(w);
    json_key(w, "exchange");
    json_string(w, message->exchange);
    json_key(w, "routing_key");
    json_string(w, message->routing_key.len > 0 ? message->routing_key : queue);
    json_key(w, "priority");
    json_integer(w, message->priority);
    json_key(w, "redelivered");
    json_boolean(w, message->redelivered);
    json_end_object(w);
}

void cel_task_info_write(struct json_writer *w, const struct cel_task_message *message,
                         const struct cel_task_info *info)
{
    json_begin_object(w);
    json_key(w, "id");
    write_text(w, message->id);
    json_key(w, "name");
    write_text(w, message->shadow.len > 0 ? message->shadow : message->task);
    json_key(w, "args");
    write_arguments(w, message->args, message->argsrepr, "[]", info->safe);
    json_key(w, "kwargs");
    write_arguments(w, message->kwargs, message->kwargsrepr, "{}", info->safe);
    json_key(w, "type");
    write_text(w, message->task);
    json_key(w, "hostname");
    json_string(w, info->hostname);
    json_key(w, "time_start");
    if (info->started_us > 0)
        json_number(w, (double)info->started_us / 1e6);
    else
        json_null(w);
    json_key(w, "acknowledged");
    json_boolean(w, info->acknowledged);
    json_key(w, "delivery_info");
    write_delivery_info(w, message, info->queue);
    json_key(w, "worker_pid");
    if (info->pid > 0)
        json_integer(w, info->pid);
    else
        json_null(w);
    json_end_object(w);
}
