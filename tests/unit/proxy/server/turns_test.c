/* Handshakes wait for their turn: in order, a bounded number at a time, and nobody is forgotten. */
#include "proxy/server/turns.h"
#include "tests/unit/proxy/net/turn.h"

enum { PLACES = 10 };

struct waiter {
    struct turns_place place;
    struct turns *turns;
    unsigned again;
    struct waiter *expels; /* from the line */
};

static struct waiter *stepped[4 * PLACES];
static unsigned steps;

static void on_step(struct turns_place *p)
{
    struct waiter *w = LIST_ENTRY(p, struct waiter, place);
    assert_false(turns_is_waiting(p));
    stepped[steps++] = w;
    if (w->expels != NULL) {
        turns_leave(&w->expels->place);
    }
    if (w->again > 0) {
        w->again--;
        turns_wait(w->turns, p, w->turns->max);
    }
}

static void wait_all(struct turns *t, struct waiter *w, unsigned max)
{
    steps = 0;
    for (unsigned i = 0; i < PLACES; i++) {
        w[i] = (struct waiter){.turns = t};
        turns_place_init(&w[i].place, on_step);
        turns_wait(t, &w[i].place, max);
        turns_wait(t, &w[i].place, max); /* waits already */
        assert_true(turns_is_waiting(&w[i].place));
    }
    assert_int_equal(steps, 0); /* never inside */
}

static void in_order(const struct waiter *w)
{
    for (unsigned i = 0; i < PLACES; i++) {
        assert_ptr_equal(stepped[i], &w[i]);
    }
}

static void bounded(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct turns t;
    struct waiter w[PLACES];
    turns_init(&t, l);
    for (unsigned max = 1; max <= PLACES; max++) {
        wait_all(&t, w, max);
        for (unsigned turn = 1; steps < PLACES; turn++) {
            turn_once(l);
            assert_int_equal(steps, turn * max < PLACES ? turn * max : PLACES);
        }
        in_order(w);
    }
    turns_fini(&t);
    loop_free(l);
}

/* Many who are served must not starve those who connect. */
static void more_where_more_is_served(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct turns t;
    struct waiter w[PLACES];
    turns_init(&t, l);
    for (unsigned i = 0; i < 1000; i++) {
        turns_served(&t); /* while nobody waits: that is past */
    }
    wait_all(&t, w, 1);
    for (unsigned i = 0; i < 3 * TURNS_REQUESTS; i++) {
        turns_served(&t);
    }
    turn_once(l);
    assert_int_equal(steps, 1 + 3);
    turn_once(l);
    assert_int_equal(steps, 1 + 3 + 1);
    while (steps < PLACES) {
        turn_once(l);
    }
    in_order(w);
    turns_fini(&t);
    loop_free(l);
}

static void coming_and_going(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct turns t;
    struct waiter w[PLACES];
    turns_init(&t, l);
    wait_all(&t, w, 2);
    w[0].again = 1;      /* goes to the end of the line */
    w[1].expels = &w[2]; /* which is never told */
    turns_leave(&w[9].place);
    turns_leave(&w[9].place);
    loop_run(l); /* ends when nobody waits */
    assert_int_equal(steps, PLACES - 2 + 1);
    assert_ptr_equal(stepped[2], &w[3]);
    assert_ptr_equal(stepped[steps - 1], &w[0]);
    assert_false(turns_is_waiting(&w[2].place));
    turns_wait(&t, &w[2].place, 2);
    turns_leave(&w[2].place);
    turns_fini(&t);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounded),
        cmocka_unit_test(more_where_more_is_served),
        cmocka_unit_test(coming_and_going),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
