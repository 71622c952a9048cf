#include "worker/main/app.h"

#include <dlfcn.h>

#include "base/strbuf.h"
#include "celeriac/app.h"

/* Longest path of a shared object: PATH_MAX and the "./" before it. */
#define PATH_SIZE_MAX ((size_t)4096 + 2)

static bool has_folder(struct span path)
{
    struct span head;
    struct span rest;

    return span_cut(path, '/', &head, &rest);
}

bool worker_app_is_library(struct span value)
{
    return has_folder(value) || span_ends(value, SPAN(".so"));
}

/* A name without '/' would be looked for among the system's libraries. */
static enum celeriac_err open_library(struct worker_app *app, const char *path,
                                      struct celeriac_error *err)
{
    struct strbuf place;
    enum celeriac_err code;

    strbuf_init(&place, PATH_SIZE_MAX);
    if (!has_folder(span_of(path)))
        strbuf_add_text(&place, "./");
    strbuf_add_text(&place, path);
    code = strbuf_status(&place);
    if (code) {
        code = celeriac_error_set(err, code, "option --app: %s", celeriac_err_name(code));
    } else {
        app->library = dlopen(strbuf_text(&place), RTLD_NOW | RTLD_LOCAL);
        if (!app->library)
            code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "option --app: %s", dlerror());
    }
    strbuf_close(&place);
    return code;
}

static enum celeriac_err check(const struct celeriac_app *found, const char *path,
                               struct celeriac_error *err)
{
    if (!found)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "option --app: %s has no symbol celeriac_app; it needs a line "
                                  "CELERIAC_APP(load, NULL)",
                                  path);
    if (found->abi != CELERIAC_APP_ABI ||
        found->task_options_size != sizeof(struct celeriac_task_options))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "option --app: %s was compiled for version %u of the interface "
                                  "(task options of %u bytes), this worker has version %u (%zu "
                                  "bytes); compile it again",
                                  path, found->abi, found->task_options_size, CELERIAC_APP_ABI,
                                  sizeof(struct celeriac_task_options));
    if (!found->load)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "option --app: %s has no load function in its celeriac_app",
                                  path);
    return CELERIAC_OK;
}

enum celeriac_err worker_app_open(struct worker_app *app, const char *path,
                                  struct celeriac_worker *worker, struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    const struct celeriac_app *found;
    enum celeriac_err code = open_library(app, path, err);

    if (code)
        return code;
    found = dlsym(app->library, "celeriac_app");
    code = check(found, path, err);
    if (code)
        return code;
    app->app = found;
    code = found->load(worker, &why);
    if (code)
        return celeriac_error_set(err, code, "option --app: %s: %s", path,
                                  why.text[0] ? why.text : celeriac_err_name(code));
    return CELERIAC_OK;
}

void worker_app_close(struct worker_app *app)
{
    if (app->app && app->app->unload)
        app->app->unload();
    app->app = NULL;
    /* What cannot be unloaded stays until the process ends, which is about to happen. */
    if (app->library)
        (void)dlclose(app->library);
    app->library = NULL;
}
