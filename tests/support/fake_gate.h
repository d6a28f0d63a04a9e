/* A gate that says what the test wants. Including this replaces of the real one what exchanges
 * call. */
#ifndef TESTS_SUPPORT_FAKE_GATE_H
#define TESTS_SUPPORT_FAKE_GATE_H

#include "auth/gate.h"
#include "base/mem.h"
#include "tests/support/check.h"

struct gate {
    struct gate_answer answer;
    gate_done_fn done;
    void *arg;
};

/* What the next gate says at once, and what was asked. */
static struct gate_answer gate_says;
static struct gate_question gate_asked;
static struct str gate_authorization;
static struct gate *gate_now; /* the latest one that lives; NULL: none */

/* Of who comes through for a report: what a gate says that is asked when another one has refused,
 * and of whose password was proven. */
static struct gate_answer gate_says_then;
static enum reason gate_says_of_claimed;

struct gate *gate_run_again(struct gate *g, const struct gate_question *q, gate_done_fn done,
                            void *arg)
{
    if (g == NULL) {
        g = mem_alloc(sizeof(*g));
    }
    if (g != NULL) {
        bool again = gate_now != NULL && q->require == CONF_REQUIRE_NONE;
        *g = (struct gate){.answer = again ? gate_says_then : gate_says, .done = done, .arg = arg};
        gate_asked = *q;
        gate_authorization = q->authorization;
        gate_now = g;
    }
    return g;
}

const struct gate_answer *gate_result(const struct gate *g)
{
    return &g->answer;
}

enum reason gate_ask_claimed(const struct gate *g)
{
    (void)g;
    return gate_says_of_claimed;
}

void gate_clear(struct gate *g)
{
    if (g != NULL) {
        g->done = NULL;
        gate_now = NULL;
    }
}

void gate_free(struct gate *g)
{
    gate_clear(g);
    mem_free(g);
}

static inline void gate_will(enum verdict v, enum reason r, const char *step)
{
    gate_says = (struct gate_answer){.verdict = v, .reason = r, .step = step};
    if (v == VERDICT_ALLOW) {
        gate_says.user = STR("alice");
    }
}

/* The gate that waits has found out. */
static inline void gate_decides(enum verdict v, enum reason r, const char *step)
{
    gate_will(v, r, step);
    gate_now->answer = gate_says;
    gate_now->done(gate_now->arg);
}

#endif
