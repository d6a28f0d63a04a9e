/* Owns: wake-ups from other threads and watched descriptors. On the loop's thread, except
 * loop_wake(). */
#include "base/mem.h"
#include "proxy/net/loop_inner.h"

struct loop_waker {
    uv_async_t handle;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_watch {
    uv_poll_t handle;
    void (*fn)(void *arg);
    void *arg;
};

static void on_wake(uv_async_t *handle)
{
    struct loop_waker *w = handle->data;
    w->fn(w->arg);
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

struct loop_waker *loop_waker_open(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct loop_waker *w = mem_alloc(sizeof(*w));
    if (w == NULL) {
        return NULL;
    }
    w->fn = fn;
    w->arg = arg;
    if (uv_async_init(&l->uv, &w->handle, on_wake) != 0) {
        mem_free(w);
        return NULL;
    }
    w->handle.data = w;
    return w;
}

void loop_wake(struct loop_waker *w)
{
    (void)uv_async_send(&w->handle);
}

void loop_waker_close(struct loop_waker *w)
{
    if (w != NULL && uv_is_closing((uv_handle_t *)&w->handle) == 0) {
        uv_close((uv_handle_t *)&w->handle, on_closed);
    }
}

static void on_event(uv_poll_t *handle, int status, int events)
{
    (void)status; /* the reader finds out what is wrong with the descriptor by reading */
    (void)events;
    struct loop_watch *w = handle->data;
    w->fn(w->arg);
}

struct loop_watch *loop_watch_open(struct loop *l, int fd, void (*fn)(void *arg), void *arg)
{
    struct loop_watch *w = mem_alloc(sizeof(*w));
    if (w == NULL) {
        return NULL;
    }
    w->fn = fn;
    w->arg = arg;
    if (uv_poll_init(&l->uv, &w->handle, fd) != 0) {
        mem_free(w);
        return NULL;
    }
    w->handle.data = w;
    if (uv_poll_start(&w->handle, UV_READABLE | UV_DISCONNECT, on_event) != 0) {
        uv_close((uv_handle_t *)&w->handle, on_closed);
        return NULL;
    }
    return w;
}

void loop_watch_close(struct loop_watch *w)
{
    if (w != NULL && uv_is_closing((uv_handle_t *)&w->handle) == 0) {
        uv_close((uv_handle_t *)&w->handle, on_closed);
    }
}
