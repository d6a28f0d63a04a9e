/* Memory that is kept: what comes back, what does not, and that nothing is lost or too small. */
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "base/mem.h"
#include "base/mem_pool.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { KEEPS = 0 };
#else
enum { KEEPS = 1 };
#endif

enum { LARGEST = 20000, MANY = 500 };

static void skip_if_nothing_is_kept(void)
{
    if (KEEPS == 0) {
        skip();
    }
}

static void nothing_until_asked(void **state)
{
    (void)state;
    mem_pool_give(mem_pool_take(100));
    assert_int_equal(mem_pool_kept(), 0);
    mem_pool_give(NULL);
}

/* Never less than was asked for, whatever was kept before under which size. */
static void room_enough(void **state)
{
    (void)state;
    mem_pool_use(true);
    for (size_t given = 1; given < LARGEST; given += 7) {
        mem_pool_give(mem_pool_take(given));
        for (size_t n = given > 40 ? given - 40 : 1; n < given + 600; n += 13) {
            char *p = mem_pool_take(n);
            assert_non_null(p);
            assert_true(malloc_usable_size(p) >= n);
            memset(p, 1, n);
            mem_pool_give(p);
        }
    }
    mem_pool_use(false);
    assert_int_equal(mem_pool_kept(), 0);
}

static void same_piece_comes_back(void **state)
{
    (void)state;
    skip_if_nothing_is_kept();
    static const size_t sizes[] = {1, 24, 25, 100, 1000, 1032, 1033, 6000, 16000, 19000};
    mem_pool_use(true);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uintptr_t first = (uintptr_t)mem_pool_take(sizes[i]);
        mem_pool_give((void *)first);
        void *second = mem_pool_take(sizes[i]);
        assert_int_equal(first, (uintptr_t)second);
        mem_pool_give(second);
    }
    mem_pool_use(false);
}

/* No piece twice, though all of a size were kept; and no more are kept than was said. */
static void bounded_and_distinct(void **state)
{
    (void)state;
    static void *taken[MANY];
    static const size_t sizes[] = {24, 500, 1032, 1100, 17000, 19464, 19465, 200000};
    mem_pool_use(true);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (int round = 0; round < 2; round++) {
            for (uintptr_t i = 0; i < MANY; i++) {
                taken[i] = mem_pool_take(sizes[s]);
                assert_non_null(taken[i]);
                memcpy(taken[i], &i, sizeof(i));
            }
            for (uintptr_t i = 0; i < MANY; i++) {
                assert_memory_equal(taken[i], &i, sizeof(i));
                mem_pool_give(taken[i]);
            }
        }
        assert_true(mem_pool_kept() <= (size_t)4 << 20);
    }
    mem_pool_use(false);
    assert_int_equal(mem_pool_kept(), 0);
}

static void *free_there(void *p)
{
    mem_pool_give(p);
    return (void *)mem_pool_kept();
}

static void *take_there(void *unused)
{
    (void)unused;
    return mem_pool_take(300);
}

static void *in_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    return result;
}

/* What a thread keeps is its own, and a thread that has not begun keeps nothing. */
static void other_threads(void **state)
{
    (void)state;
    mem_pool_use(true);
    assert_null(in_thread(free_there, mem_pool_take(300)));
    assert_int_equal(mem_pool_kept(), 0);
    mem_pool_give(in_thread(take_there, NULL));
    assert_int_equal(mem_pool_kept() > 0, KEEPS);
    mem_pool_use(false);
}

static void cleared_when_asked_for(void **state)
{
    (void)state;
    mem_pool_use(true);
    for (size_t n = 1; n < LARGEST; n = 2 * n + 1) {
        char *p = mem_alloc(n);
        assert_non_null(p);
        memset(p, 0x55, n);
        mem_free(p);
        char *cleared = mem_calloc(1, n);
        assert_non_null(cleared);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(cleared[i], 0);
        }
        mem_free(cleared);
    }
    mem_pool_use(false);
}

/* OpenSSL's pieces are kept too, and what it is told to wipe is wiped before. */
static void of_openssl(void **state)
{
    (void)state;
    skip_if_nothing_is_kept();
    static const char secret[] = "correct horse battery staple";
    mem_pool_use(true);
    char *p = OPENSSL_malloc(200);
    assert_non_null(p);
    memcpy(p + 100, secret, sizeof(secret));
    OPENSSL_clear_free(p, 200);
    assert_true(mem_pool_kept() >= 200);
    char *again = mem_pool_take(200);
    assert_ptr_equal(again, p);
    assert_null(memmem(again, 200, secret, 4));
    p = OPENSSL_realloc(again, 2000);
    assert_non_null(p);
    OPENSSL_free(p);
    mem_pool_use(false);
}

static void begun_and_ended_twice(void **state)
{
    (void)state;
    mem_pool_use(false);
    mem_pool_use(true);
    void *p = mem_pool_take(64);
    mem_pool_use(true);
    mem_pool_give(p);
    mem_pool_use(false);
    mem_pool_use(false);
    assert_int_equal(mem_pool_kept(), 0);
}

/* For a while only: what is given back before and after keeps its octets. */
static void wiped_here(void **state)
{
    (void)state;
    skip_if_nothing_is_kept();
    static const unsigned char zeros[200];
    mem_pool_use(true);
    for (int i = 0; i < 3; i++) {
        unsigned char *p = OPENSSL_malloc(sizeof(zeros));
        memset(p, 'k', sizeof(zeros));
        mem_pool_wipe_here(i == 1);
        OPENSSL_free(p);
        mem_pool_wipe_here(false);
        unsigned char *again = mem_pool_take(sizeof(zeros));
        assert_ptr_equal(again, p);
        assert_int_equal(memcmp(again, zeros, sizeof(zeros)) == 0, i == 1);
        mem_pool_give(again);
    }
    mem_pool_use(false);
}

/* The last one: it cannot be undone. */
static void wiped_when_asked_for(void **state)
{
    (void)state;
    skip_if_nothing_is_kept();
    static const unsigned char zeros[200];
    mem_pool_wipe();
    mem_pool_use(true);
    unsigned char *p = OPENSSL_malloc(sizeof(zeros));
    memset(p, 'k', sizeof(zeros));
    unsigned char *longer = OPENSSL_realloc(p, 4000);
    assert_memory_equal(longer, "kkkkkkkk", 8);
    assert_int_equal(longer[sizeof(zeros) - 1], 'k');
    unsigned char *left = OPENSSL_malloc(sizeof(zeros));
    assert_ptr_equal(left, p);
    assert_memory_equal(left, zeros, sizeof(zeros));
    memset(left, 'k', sizeof(zeros));
    OPENSSL_free(left);
    left = OPENSSL_malloc(sizeof(zeros));
    assert_ptr_equal(left, p);
    assert_memory_equal(left, zeros, sizeof(zeros));
    OPENSSL_free(left);
    OPENSSL_free(longer);
    OPENSSL_free(OPENSSL_realloc(NULL, 100));
    mem_pool_use(false);
}

int main(void)
{
    mem_pool_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_until_asked),
        cmocka_unit_test(room_enough),
        cmocka_unit_test(same_piece_comes_back),
        cmocka_unit_test(bounded_and_distinct),
        cmocka_unit_test(other_threads),
        cmocka_unit_test(cleared_when_asked_for),
        cmocka_unit_test(of_openssl),
        cmocka_unit_test(begun_and_ended_twice),
        cmocka_unit_test(wiped_here),
        cmocka_unit_test(wiped_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
