/* Owns: the line of handshakes that wait for their turn. Not: what a step does (link). On the
 * loop's thread. */
#include "proxy/server/turns.h"

static void on_task(struct loop_task *task)
{
    struct turns *t = LIST_ENTRY(task, struct turns, task);
    unsigned left = t->max + t->served / TURNS_REQUESTS;
    t->served = 0;
    for (; left > 0 && !list_empty(&t->waiting); left--) {
        struct list *first = list_pop_front(&t->waiting);
        struct turns_place *p = LIST_ENTRY(first, struct turns_place, link);
        p->step(p);
    }
    if (!list_empty(&t->waiting)) {
        loop_defer(t->loop, &t->task);
    }
}

void turns_init(struct turns *t, struct loop *loop)
{
    *t = (struct turns){.loop = loop, .max = 1};
    list_init(&t->waiting);
    loop_task_init(&t->task, on_task);
}

void turns_place_init(struct turns_place *p, void (*step)(struct turns_place *p))
{
    list_init(&p->link);
    p->step = step;
}

void turns_wait(struct turns *t, struct turns_place *p, unsigned max)
{
    t->max = max;
    if (turns_is_waiting(p)) {
        return;
    }
    if (list_empty(&t->waiting)) {
        t->served = 0; /* those of long ago count for nothing */
    }
    list_push_back(&t->waiting, &p->link);
    loop_defer(t->loop, &t->task);
}

bool turns_is_waiting(const struct turns_place *p)
{
    return !list_empty(&p->link);
}

void turns_leave(struct turns_place *p)
{
    list_remove(&p->link);
}

void turns_served(struct turns *t)
{
    t->served++;
}

void turns_fini(struct turns *t)
{
    loop_task_cancel(&t->task);
}
