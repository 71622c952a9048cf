#include "api/work_pool.h"

#include <pthread.h>
#include <stdbool.h>

#include "api/modest_thread.h"
#include "base/alloc.h"

struct work_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    struct work *first, *last;
    size_t waiting;
    bool stopping;
};

static struct work *take(struct work_pool *pool)
{
    struct work *work;

    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->stopping)
        pthread_cond_wait(&pool->changed, &pool->lock);
    work = pool->first;
    if (work) {
        pool->first = work->next;
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    return work;
}

static void *run(void *context)
{
    struct work_pool *pool = context;
    struct work *work;

    modest_thread_nice();
    while ((work = take(pool)) != NULL)
        work->run(work);
    return NULL;
}

enum celeriac_err work_pool_create(struct work_pool **pool, struct celeriac_error *err)
{
    struct work_pool *made = mem_calloc(1, sizeof *made);

    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the work pool");
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    if (pthread_create(&made->thread, NULL, run, made) != 0) {
        pthread_cond_destroy(&made->changed);
        pthread_mutex_destroy(&made->lock);
        mem_free(made);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start a thread");
    }
    *pool = made;
    return CELERIAC_OK;
}

void work_pool_destroy(struct work_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    pthread_join(pool->thread, NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool);
}

enum celeriac_err work_submit(struct work_pool *pool, struct work *work)
{
    enum celeriac_err rc = CELERIAC_OK;

    work->next = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->waiting == WORK_WAITING_MAX) {
        rc = CELERIAC_ERR_LIMIT;
    } else {
        if (pool->first)
            pool->last->next = work;
        else
            pool->first = work;
        pool->last = work;
        pool->waiting++;
        pthread_cond_signal(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
    return rc;
}
