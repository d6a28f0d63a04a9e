/* proxy/tls/bio.c: the input of two pieces, read without OpenSSL. */
#include "base/mem.h"
#include "proxy/tls/bio.h"
#include "tests/support/check.h"

#define TEXT   "0123456789"
#define TEXT_N (sizeof(TEXT) - 1)

/* TEXT, of which the first octets are kept and the others lent. */
static void split(struct bio_ends *e, size_t kept)
{
    bio_ends_init(e, 1000, 1000);
    assert_int_equal(buf_append(&e->kept, str_slice(STR(TEXT), 0, kept)), 0);
    e->lent = str_slice(STR(TEXT), kept, TEXT_N);
}

/* Whatever is peeked at, joined and consumed, in all sizes at all places: the rest is the rest. */
static void test_pieces(void **state)
{
    (void)state;
    for (size_t k = 0; k < (TEXT_N + 1) * (TEXT_N + 1) * (TEXT_N + 1); k++) {
        size_t kept = k % (TEXT_N + 1);
        size_t first = k / (TEXT_N + 1) % (TEXT_N + 1);
        size_t second = k / (TEXT_N + 1) / (TEXT_N + 1);
        char out[TEXT_N + 5];
        struct bio_ends e;
        split(&e, kept);
        assert_int_equal(bio_ends_unread(&e), TEXT_N);
        assert_int_equal(bio_ends_peek(&e, out, first), first);
        assert_memory_equal(out, TEXT, first);
        assert_memory_equal(bio_ends_front(&e, first), TEXT, first);
        assert_int_equal(bio_ends_unread(&e), TEXT_N);
        bio_ends_consume(&e, first);
        size_t left = TEXT_N - first;
        assert_int_equal(bio_ends_unread(&e), left);
        assert_int_equal(bio_ends_peek(&e, out, sizeof(out)), left);
        assert_memory_equal(out, &TEXT[first], left);
        if (second <= left) {
            assert_memory_equal(bio_ends_front(&e, second), &TEXT[first], second);
        }
        bio_ends_fini(&e);
    }
}

/* What is joined without memory stays where it was. */
static void test_without_memory(void **state)
{
    (void)state;
    struct bio_ends e;
    char out[TEXT_N];
    split(&e, 4);
    e.kept.cap = 4;
    assert_null(bio_ends_front(&e, 5));
    assert_non_null(bio_ends_front(&e, 4));
    assert_int_equal(bio_ends_peek(&e, out, TEXT_N), TEXT_N);
    assert_memory_equal(out, TEXT, TEXT_N);
    bio_ends_fini(&e);
}

/* What does not fit is an error: what OpenSSL makes of "nothing was written" depends on its
 * version. */
static void test_full(void **state)
{
    (void)state;
    BIO_METHOD *method = bio_method_new();
    struct bio_ends e;
    bio_ends_init(&e, 4, 4);
    BIO *b = bio_new(method, &e);
    assert_non_null(b);
    assert_int_equal(BIO_write(b, "abc", 3), 3);
    assert_false(e.out_full);
    assert_int_equal(BIO_write(b, "de", 2), -1);
    assert_true(e.out_full);
    assert_false(BIO_should_retry(b));
    CHECK_STR("nothing of it", buf_str(&e.out), STR("abc"));
    BIO_free(b);
    BIO_meth_free(method);
    bio_ends_fini(&e);
}

/* What was written since input was read last, by OpenSSL's way of reading and writing. */
static void test_written(void **state)
{
    (void)state;
    struct bio_ends e;
    char out[3];
    BIO_METHOD *method = bio_method_new();
    split(&e, 4);
    BIO *b = bio_new(method, &e);
    assert_non_null(b);
    assert_int_equal(bio_ends_written(&e).n, 0);
    assert_int_equal(BIO_write(b, "ab", 2), 2);
    assert_true(str_eq(bio_ends_written(&e), STR("ab")));
    assert_int_equal(BIO_read(b, out, 3), 3);
    assert_int_equal(bio_ends_written(&e).n, 0);
    assert_int_equal(BIO_write(b, "cd", 2), 2);
    assert_int_equal(BIO_write(b, "e", 1), 1);
    assert_true(str_eq(bio_ends_written(&e), STR("cde")));
    assert_int_equal(BIO_read(b, out, 3), 3);
    bio_ends_consume(&e, bio_ends_unread(&e));
    assert_int_equal(BIO_write(b, "f", 1), 1);
    assert_true(BIO_read(b, out, 3) <= 0); /* nothing came: that is no reading */
    assert_true(str_eq(bio_ends_written(&e), STR("f")));
    BIO_free(b);
    BIO_meth_free(method);
    bio_ends_fini(&e);
}

/* By memory BIOs: in bounded portions, in the order in which the octets came, and what was fed and
 * not read is input again, in front of what came behind it. */
static void test_fed(void **state)
{
    (void)state;
    enum { LENT = 40000 };
    static char lent[LENT];
    static char got[LENT];
    memset(lent, 'l', LENT);
    for (size_t kept = 0; kept <= TEXT_N; kept++) {
        for (int read = 0; read <= (int)TEXT_N; read++) {
            struct bio_ends e;
            split(&e, kept);
            assert_true(bio_ends_use_memory(&e));
            assert_true(bio_ends_feed(&e));
            assert_false(bio_ends_feed(&e)); /* not before all is read */
            assert_int_equal(bio_ends_unread(&e), TEXT_N);
            size_t fed = kept > 0 ? kept : TEXT_N;
            int n = BIO_read(e.memory_in, got, read);
            assert_int_equal(n, (size_t)read < fed ? (size_t)read : fed);
            assert_true(bio_ends_take_back(&e));
            assert_int_equal(bio_ends_unread(&e), TEXT_N - (size_t)n);
            assert_int_equal(bio_ends_peek(&e, got, TEXT_N), TEXT_N - (size_t)n);
            assert_memory_equal(got, &TEXT[n], TEXT_N - (size_t)n);
            BIO_free(e.memory_in);
            BIO_free(e.memory_out);
            bio_ends_forget_memory(&e);
            bio_ends_fini(&e);
        }
    }
    struct bio_ends e;
    bio_ends_init(&e, LENT, LENT);
    assert_true(bio_ends_use_memory(&e));
    assert_false(bio_ends_feed(&e)); /* there is nothing */
    e.lent = (struct str){lent, LENT};
    assert_true(bio_ends_feed(&e));
    assert_in_range(BIO_ctrl_pending(e.memory_in), 1, 20000);
    assert_int_equal(bio_ends_unread(&e), LENT);
    assert_true(e.started && e.first == 'l');
    e.kept.cap = 100;
    assert_false(bio_ends_take_back(&e)); /* no room: it stays fed */
    assert_int_equal(bio_ends_unread(&e), LENT);
    BIO_free(e.memory_in);
    BIO_free(e.memory_out);
    bio_ends_fini(&e);
}

static void test_drained(void **state)
{
    (void)state;
    struct bio_ends e;
    bio_ends_init(&e, 10, 10);
    assert_true(bio_ends_use_memory(&e));
    e.lent = STR("x");
    assert_int_equal(BIO_write(e.memory_out, "ab", 2), 2);
    bio_ends_drain(&e);
    assert_true(bio_ends_feed(&e));
    assert_int_equal(BIO_write(e.memory_out, "cdef", 4), 4);
    bio_ends_drain(&e);
    assert_true(str_eq(bio_ends_written(&e), STR("cdef")) && !e.stuck);
    assert_int_equal(BIO_write(e.memory_out, "ghijk", 5), 5);
    bio_ends_drain(&e);
    assert_true(e.stuck && str_eq(buf_str(&e.out), STR("abcdef"))); /* all or nothing */
    buf_consume(&e.out, 6);
    bio_ends_idle_memory(&e); /* keeps what waits */
    bio_ends_drain(&e);
    assert_true(!e.stuck && str_eq(buf_str(&e.out), STR("ghijk")));
    bio_ends_idle_memory(&e);
    bio_ends_drain(&e);
    assert_int_equal(BIO_write(e.memory_out, "l", 1), 1);
    bio_ends_drain(&e);
    assert_true(str_eq(buf_str(&e.out), STR("ghijkl")));
    BIO_free(e.memory_in);
    BIO_free(e.memory_out);
    bio_ends_fini(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces), cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_full),   cmocka_unit_test(test_written),
        cmocka_unit_test(test_fed),    cmocka_unit_test(test_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
