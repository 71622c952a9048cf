#include <stdio.h>

#include "cli/cli.h"

enum celeriac_err cli_flush(struct cli *cli, struct celeriac_error *err)
{
    struct span text = strbuf_span(&cli->out);
    enum celeriac_err code = strbuf_status(&cli->out);

    if (code)
        return celeriac_error_set(err, code, "too much to print");
    if (text.len == 0)
        return CELERIAC_OK;
    if (fwrite(text.ptr, 1, text.len, stdout) != text.len || fflush(stdout))
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot write to standard output");
    strbuf_clear(&cli->out);
    return code;
}

enum celeriac_err cli_run(struct cli *cli, struct celeriac_error *err)
{
    enum celeriac_err code = cel_pipeline_run(&cli->pipeline, cli->conn, err);

    for (size_t i = 0; code == CELERIAC_OK && i < cli->pipeline.count; i++)
        code = cel_reply_check(cel_pipeline_reply(&cli->pipeline, i), err);
    return code;
}

bool cli_next_item(struct span *list, struct span *item)
{
    while (list->len > 0) {
        struct span head;
        struct span rest;

        (void)span_cut(*list, ',', &head, &rest);
        *list = rest;
        *item = span_trim(head);
        if (item->len > 0)
            return true;
    }
    return false;
}
