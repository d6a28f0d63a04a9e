/* The shared table: no value is decided upon twice, whoever comes at the same time or dies. */
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/slots.h"
#include "base/shm.h"
#include "tests/support/check.h"

static uint64_t key_of(const struct slots *s, uint64_t n)
{
    const struct str part = {(const char *)&n, sizeof(n)};
    return slots_key(s, &part, 1);
}

static bool set_if_larger(void *arg, uint64_t before, uint64_t *after)
{
    const uint64_t *wanted = arg;
    *after = *wanted;
    return *wanted > before;
}

static bool put(struct slots *s, uint64_t key, uint64_t value)
{
    return slots_change(s, key, set_if_larger, &value, NULL);
}

static void test_values(void **state)
{
    (void)state;
    struct slots *s = slots_new(64);
    uint64_t a = key_of(s, 1);
    uint64_t b = key_of(s, 2);
    assert_int_equal(slots_read(s, a), 0);
    assert_int_equal(slots_read(s, 0), 0);
    assert_false(put(s, 0, 1)); /* a key that could not be made */
    assert_true(put(s, a, 5));
    assert_false(put(s, a, 5));
    assert_true(put(s, a, 6));
    assert_true(put(s, b, SLOTS_VALUE_MAX));
    assert_int_equal(slots_read(s, a), 6);
    assert_int_equal(slots_read(s, b), SLOTS_VALUE_MAX);
    assert_true(slots_drop(s, a));
    assert_false(slots_drop(s, a));
    assert_int_equal(slots_read(s, a), 0);
    assert_true(put(s, a, 1)); /* what stood there is forgotten */
    assert_int_equal(slots_read(s, a), 1);
    slots_free(s);
    slots_free(NULL);
}

static bool forget_five(void *arg, uint64_t before, uint64_t *after)
{
    (void)arg;
    *after = 0;
    return before == 5;
}

/* A key may be forgotten for what its value is. */
static void test_forgetting(void **state)
{
    (void)state;
    struct slots *s = slots_new(8);
    uint64_t a = key_of(s, 1);
    assert_false(slots_change(s, a, forget_five, NULL, NULL));
    assert_true(put(s, a, 4));
    assert_false(slots_change(s, a, forget_five, NULL, NULL));
    assert_int_equal(slots_read(s, a), 4);
    assert_true(put(s, a, 5));
    assert_true(slots_change(s, a, forget_five, NULL, NULL));
    assert_int_equal(slots_read(s, a), 0);
    assert_false(slots_drop(s, a)); /* its place is free */
    assert_true(put(s, a, 1));
    assert_int_equal(slots_read(s, a), 1);
    slots_free(s);
}

static void test_keys(void **state)
{
    (void)state;
    struct slots *s = slots_new(8);
    struct slots *other = slots_new(8);
    const struct str ab_c[] = {STR("ab"), STR("c")};
    const struct str a_bc[] = {STR("a"), STR("bc")};
    const struct str abc[] = {STR("abc"), STR_NONE};
    assert_int_equal(slots_key(s, ab_c, 2), slots_key(s, ab_c, 2));
    assert_int_not_equal(slots_key(s, ab_c, 2), slots_key(s, a_bc, 2));
    assert_int_not_equal(slots_key(s, abc, 1), slots_key(s, abc, 2));
    assert_int_not_equal(slots_key(s, abc, 2), slots_key(s, a_bc, 2));
    assert_int_not_equal(slots_key(s, ab_c, 2), slots_key(other, ab_c, 2));
    static char most[SLOTS_KEY_MAX];
    const struct str longest = {most, sizeof(most) - 8};
    const struct str too_long = {most, sizeof(most) - 7};
    assert_int_not_equal(slots_key(s, &longest, 1), 0);
    assert_int_equal(slots_key(s, &too_long, 1), 0);
    slots_free(s);
    slots_free(other);
}

static void count_one(void *arg, uint64_t key, uint64_t value,
                      const uint64_t note[SLOTS_NOTE_WORDS])
{
    unsigned *n = arg;
    (void)key;
    assert_int_equal(note[0], value); /* as it was put there */
    (*n)++;
}

/* Full: the lowest goes, and there are never more than there is room for. */
static void test_full(void **state)
{
    (void)state;
    struct slots *s = slots_new(64);
    for (uint64_t i = 1; i <= 1000; i++) {
        const uint64_t note[SLOTS_NOTE_WORDS] = {i};
        assert_true(slots_change(s, key_of(s, i), set_if_larger, &i, note));
        assert_int_equal(slots_read(s, key_of(s, i)), i);
    }
    unsigned n = 0;
    slots_each(s, count_one, &n);
    assert_true(n >= 64 && n <= 72);
    unsigned late = 0;
    for (uint64_t i = 900; i <= 1000; i++) {
        late += slots_read(s, key_of(s, i)) == i;
    }
    assert_true(late >= 60);
    assert_int_equal(slots_read(s, key_of(s, 1)), 0);
    slots_free(s);
}

enum { PROCESSES = 4, ROUNDS = 20000 };

/* Every process tries to be the one who takes each number; in a table that is far too small: keys
 * of the lowest value come and go all the time, the others must stay. */
static void race(struct slots *s, _Atomic unsigned *taken, _Atomic unsigned *at)
{
    for (unsigned i = 1; i <= ROUNDS; i++) {
        unsigned ready = atomic_load(at);
        while (ready < i && !atomic_compare_exchange_weak(at, &ready, i)) {
        }
        uint64_t value = i;
        if (put(s, key_of(s, i % 3), value)) {
            atomic_fetch_add(&taken[i], 1);
        }
        (void)put(s, key_of(s, 100 + (uint64_t)getpid() * 8 + i % 5), 1);
    }
}

static void test_taken_once(void **state)
{
    (void)state;
    struct slots *s = slots_new(1);
    size_t size = (ROUNDS + 2) * sizeof(_Atomic unsigned);
    _Atomic unsigned *taken = shm_map(size);
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            race(s, taken, &taken[ROUNDS + 1]);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = 1;
        (void)waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    unsigned twice = 0;
    unsigned never = 0;
    for (unsigned i = 1; i <= ROUNDS; i++) {
        twice += atomic_load(&taken[i]) > 1;
        never += atomic_load(&taken[i]) == 0;
    }
    assert_int_equal(never <= ROUNDS / 2, 1);
    if (twice > 0) {
        fail_msg("%u numbers were taken twice", twice);
    }
    shm_unmap(taken, size);
    slots_free(s);
}

/* Workers that are killed anywhere leave a table that works. */
static void test_killed(void **state)
{
    (void)state;
    struct slots *s = slots_new(1);
    for (int i = 0; i < 30; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (uint64_t n = 0;; n++) {
                (void)put(s, key_of(s, n % 40), n + 1);
            }
        }
        (void)usleep(1000);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    for (uint64_t n = 0; n < 100; n++) {
        assert_true(put(s, key_of(s, 1000 + n), SLOTS_VALUE_MAX - 200 + n));
        assert_int_equal(slots_read(s, key_of(s, 1000 + n)), SLOTS_VALUE_MAX - 200 + n);
    }
    slots_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_keys),
        cmocka_unit_test(test_forgetting), cmocka_unit_test(test_full),
        cmocka_unit_test(test_taken_once), cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
