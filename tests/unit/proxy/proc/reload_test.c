/* The two steps with workers that are only ends of socket pairs: all adopt, or none. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/proc/reload.h"

enum { WORKERS = 3, PLACES = 4, GENERATION = 5, NOW_MS = 1000 };

struct scene {
    struct children children;
    struct reload reload;
    struct sockets fresh;
    int worker[WORKERS]; /* the workers' ends */
    int packed;
    unsigned deaf;
};

static int make_scene(void **state)
{
    struct scene *s = mem_calloc(1, sizeof(*s));
    assert_non_null(s);
    assert_int_equal(children_init(&s->children, PLACES), 0);
    assert_int_equal(reload_init(&s->reload, PLACES), 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        int pair[2];
        assert_int_equal(ipc_pair(pair), 0);
        children_add(&s->children, i, (pid_t)(100 + i), pair[0], 0);
        s->children.v[i].state = CHILD_READY;
        s->worker[i] = pair[1];
    }
    s->packed = open("/dev/null", O_RDONLY);
    *state = s;
    return 0;
}

static int drop_scene(void **state)
{
    struct scene *s = *state;
    for (unsigned i = 0; i < WORKERS; i++) {
        if (s->worker[i] >= 0) {
            (void)close(s->worker[i]);
        }
    }
    (void)close(s->packed);
    sockets_close(&s->fresh);
    children_fini(&s->children);
    reload_fini(&s->reload);
    mem_free(s);
    return 0;
}

static enum reload_outcome begin(struct scene *s)
{
    return reload_begin(&s->reload, &s->children, GENERATION, s->packed, &s->fresh, NOW_MS);
}

static enum ipc_type next_type(struct scene *s, unsigned i)
{
    static struct ipc_message m;
    if (ipc_receive(s->worker[i], &m) != 1) {
        return IPC_NONE;
    }
    if (m.fd >= 0) {
        (void)close(m.fd);
    }
    assert_int_equal(m.generation, GENERATION);
    return m.type;
}

static enum reload_outcome says(struct scene *s, unsigned i, enum ipc_type type, const char *text)
{
    static struct ipc_message m;
    assert_int_equal(ipc_send(s->worker[i], type, GENERATION, str_of(text), -1), 0);
    assert_int_equal(ipc_receive(s->children.v[i].fd, &m), 1);
    return reload_heard(&s->reload, i, &m);
}

static void on_deaf(void *arg, unsigned i)
{
    struct scene *s = arg;
    s->deaf |= 1U << i;
}

static enum reload_outcome commit(struct scene *s)
{
    return reload_commit(&s->reload, &s->children, NOW_MS, on_deaf, s);
}

static void expect_all(struct scene *s, enum ipc_type type)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        if (s->worker[i] >= 0) {
            assert_int_equal(next_type(s, i), type);
        }
    }
}

static void all_agree(void **state)
{
    struct scene *s = *state;
    int fd = open("/dev/null", O_RDONLY);
    assert_int_equal(sockets_add(&s->fresh, STR("127.0.0.1:9"), fd), 0);
    assert_int_equal(begin(s), RELOAD_WAITING);
    expect_all(s, IPC_LISTENER);
    expect_all(s, IPC_PREPARE);
    assert_int_equal(says(s, 1, IPC_PREPARED, ""), RELOAD_WAITING);
    assert_int_equal(says(s, 0, IPC_PREPARED, ""), RELOAD_WAITING);
    assert_true(reload_owes(&s->reload, 2));
    assert_false(reload_owes(&s->reload, 0));
    assert_int_equal(reload_tick(&s->reload, NOW_MS + RELOAD_TIMEOUT_MS - 1), RELOAD_WAITING);
    assert_int_equal(says(s, 2, IPC_PREPARED, ""), RELOAD_AGREED);
    assert_int_equal(commit(s), RELOAD_WAITING);
    expect_all(s, IPC_COMMIT);
    assert_int_equal(says(s, 0, IPC_ADOPTED, ""), RELOAD_WAITING);
    assert_int_equal(says(s, 1, IPC_REFUSED, "out of turn"), RELOAD_WAITING);
    assert_true(reload_owes(&s->reload, 1));
    assert_int_equal(says(s, 1, IPC_ADOPTED, ""), RELOAD_WAITING);
    assert_int_equal(says(s, 2, IPC_ADOPTED, ""), RELOAD_DONE);
    reload_end(&s->reload);
    assert_int_equal(s->deaf, 0);
}

/* Past the point of no return: who dies or hangs then is replaced, the others have it. */
static void lost_while_adopting(void **state)
{
    struct scene *s = *state;
    assert_int_equal(begin(s), RELOAD_WAITING);
    for (unsigned i = 0; i < WORKERS; i++) {
        (void)says(s, i, IPC_PREPARED, "");
    }
    assert_int_equal(commit(s), RELOAD_WAITING);
    assert_int_equal(reload_lost(&s->reload, 0), RELOAD_WAITING);
    assert_int_equal(says(s, 1, IPC_ADOPTED, ""), RELOAD_WAITING);
    assert_int_equal(reload_tick(&s->reload, NOW_MS + RELOAD_TIMEOUT_MS - 1), RELOAD_WAITING);
    assert_int_equal(reload_tick(&s->reload, NOW_MS + RELOAD_TIMEOUT_MS), RELOAD_DONE);
    assert_true(reload_owes(&s->reload, 2));
    assert_false(reload_owes(&s->reload, 0));
    assert_int_equal(reload_lost(&s->reload, 2), RELOAD_DONE);
}

static void one_refuses(void **state)
{
    struct scene *s = *state;
    assert_int_equal(begin(s), RELOAD_WAITING);
    expect_all(s, IPC_PREPARE);
    assert_int_equal(says(s, 0, IPC_PREPARED, ""), RELOAD_WAITING);
    assert_int_equal(says(s, 1, IPC_REFUSED, "no memory"), RELOAD_FAILED);
    assert_string_equal(s->reload.error, "worker 1 refused: no memory");
    reload_abort(&s->reload, &s->children, on_deaf, s);
    expect_all(s, IPC_ABORT);
    /* The last one's answer comes too late to matter. */
    assert_int_equal(says(s, 2, IPC_PREPARED, ""), RELOAD_WAITING);
}

static void one_hangs(void **state)
{
    struct scene *s = *state;
    assert_int_equal(begin(s), RELOAD_WAITING);
    expect_all(s, IPC_PREPARE);
    assert_int_equal(says(s, 0, IPC_PREPARED, ""), RELOAD_WAITING);
    assert_int_equal(says(s, 2, IPC_PREPARED, ""), RELOAD_WAITING);
    assert_int_equal(reload_tick(&s->reload, NOW_MS + RELOAD_TIMEOUT_MS), RELOAD_FAILED);
    assert_string_equal(s->reload.error, "worker 1 did not answer in time");
    assert_true(reload_owes(&s->reload, 1));
    reload_abort(&s->reload, &s->children, on_deaf, s);
    expect_all(s, IPC_ABORT);
}

static void one_dies(void **state)
{
    struct scene *s = *state;
    assert_int_equal(begin(s), RELOAD_WAITING);
    expect_all(s, IPC_PREPARE);
    assert_int_equal(says(s, 0, IPC_PREPARED, ""), RELOAD_WAITING);
    (void)close(s->worker[1]);
    s->worker[1] = -1;
    children_remove(&s->children, 1);
    assert_int_equal(reload_lost(&s->reload, 1), RELOAD_FAILED);
    assert_string_equal(s->reload.error, "worker 1 died while it prepared the new configuration");
    reload_abort(&s->reload, &s->children, on_deaf, s);
    expect_all(s, IPC_ABORT);
    assert_int_equal(s->deaf, 0);
}

static void one_died_after_agreeing(void **state)
{
    struct scene *s = *state;
    assert_int_equal(begin(s), RELOAD_WAITING);
    assert_int_equal(says(s, 1, IPC_PREPARED, ""), RELOAD_WAITING);
    assert_int_equal(reload_lost(&s->reload, 1), RELOAD_FAILED);
}

static void one_is_deaf(void **state)
{
    struct scene *s = *state;
    assert_int_equal(begin(s), RELOAD_WAITING);
    for (unsigned i = 0; i < WORKERS; i++) {
        (void)says(s, i, IPC_PREPARED, "");
    }
    while (ipc_send(s->children.v[2].fd, IPC_NOT_READY, 0, STR_NONE, -1) == 0) {
    }
    assert_int_equal(commit(s), RELOAD_WAITING);
    assert_int_equal(s->deaf, 1U << 2);
}

static void who_leaves_is_not_asked(void **state)
{
    struct scene *s = *state;
    s->children.v[0].state = CHILD_DRAINING;
    s->children.v[1].state = CHILD_KILLED;
    s->children.v[2].state = CHILD_STARTING;
    assert_int_equal(begin(s), RELOAD_WAITING);
    assert_int_equal(next_type(s, 0), IPC_NONE);
    assert_int_equal(next_type(s, 1), IPC_NONE);
    assert_int_equal(next_type(s, 2), IPC_PREPARE);
    assert_int_equal(reload_lost(&s->reload, 0), RELOAD_WAITING);
    assert_int_equal(says(s, 2, IPC_PREPARED, ""), RELOAD_AGREED);
    assert_int_equal(commit(s), RELOAD_WAITING);
    assert_int_equal(next_type(s, 0), IPC_NONE);
    assert_int_equal(next_type(s, 2), IPC_COMMIT);
}

static void answers_about_another_generation(void **state)
{
    struct scene *s = *state;
    static struct ipc_message m;
    assert_int_equal(begin(s), RELOAD_WAITING);
    m = (struct ipc_message){.type = IPC_REFUSED, .generation = GENERATION - 1};
    assert_int_equal(reload_heard(&s->reload, 0, &m), RELOAD_WAITING);
    m.type = IPC_PREPARED;
    assert_int_equal(reload_heard(&s->reload, 0, &m), RELOAD_WAITING);
    assert_true(reload_owes(&s->reload, 0));
}

static void no_worker_at_all(void **state)
{
    struct scene *s = *state;
    for (unsigned i = 0; i < WORKERS; i++) {
        children_remove(&s->children, i);
    }
    assert_int_equal(begin(s), RELOAD_AGREED);
    assert_int_equal(commit(s), RELOAD_DONE);
}

static void idle_hears_nothing(void **state)
{
    struct scene *s = *state;
    static const struct ipc_message m = {.type = IPC_REFUSED, .generation = 0};
    assert_int_equal(reload_heard(&s->reload, 0, &m), RELOAD_WAITING);
    assert_int_equal(reload_lost(&s->reload, 0), RELOAD_WAITING);
    assert_int_equal(reload_tick(&s->reload, UINT64_MAX), RELOAD_WAITING);
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, make_scene, drop_scene)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(all_agree),
        WITH_SCENE(lost_while_adopting),
        WITH_SCENE(one_refuses),
        WITH_SCENE(one_hangs),
        WITH_SCENE(one_dies),
        WITH_SCENE(one_died_after_agreeing),
        WITH_SCENE(one_is_deaf),
        WITH_SCENE(who_leaves_is_not_asked),
        WITH_SCENE(answers_about_another_generation),
        WITH_SCENE(no_worker_at_all),
        WITH_SCENE(idle_hears_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
