/* proxy/tls/ticket_keys.c */
#include "proxy/tls/ticket_keys.h"
#include "tests/unit/proxy/tls/lab.h"

#define ROTATE_MS 60000
#define AT_MS     (INT64_C(1000000) * ROTATE_MS + 5) /* early in an epoch */

static const char secret[] = "a secret that is long enough, of 48 octets or so";

static struct ticket_keys *keys_of(const char *text, uint32_t rotate_ms)
{
    struct ticket_keys *k = ticket_keys_new(str_of(text), rotate_ms);
    assert_non_null(k);
    return k;
}

/* Which keys open, by when they sealed and how much later the ticket comes. */
static void opens(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *other_secret;
        uint32_t other_rotate_ms;
        int64_t later_ms;
        bool opens;
    } rows[] = {
        {"another secret", "a secret that is long enough, of 48 octets or so!", 0, 0, false},
        {"another rotation", NULL, ROTATE_MS / 2, 0, false},
        {"two epochs later", NULL, 0, 2 * ROTATE_MS, false},
        {"at the first moment of it", NULL, 0, 2 * ROTATE_MS - 5, false},
        {"much later", NULL, 0, INT64_C(1000000) * ROTATE_MS, false},
        {"the clock went back", NULL, 0, -ROTATE_MS, false},
        {"at once", NULL, 0, 0, true},
        {"at the end of the epoch", NULL, 0, ROTATE_MS - 6, true},
        {"in the next", NULL, 0, ROTATE_MS, true},
        {"at the end of the next", NULL, 0, 2 * ROTATE_MS - 6, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ticket_keys *sealer = keys_of(secret, ROTATE_MS);
        struct ticket_keys *opener =
            keys_of(rows[i].other_secret != NULL ? rows[i].other_secret : secret,
                    rows[i].other_rotate_ms != 0 ? rows[i].other_rotate_ms : ROTATE_MS);
        const struct ticket_key *seal = ticket_keys_seal(sealer, AT_MS);
        assert_non_null(seal);
        const struct ticket_key *open =
            ticket_keys_open(opener, seal->name, AT_MS + rows[i].later_ms);
        if ((open != NULL) != rows[i].opens ||
            (open != NULL && memcmp(open, seal, sizeof(*open)) != 0)) {
            fail_msg("%s", rows[i].says);
        }
        ticket_keys_free(sealer);
        ticket_keys_free(opener);
    }
}

/* Name, cipher key and MAC key are different, and none of them is the secret. */
static void parts_differ(void **state)
{
    (void)state;
    struct ticket_keys *k = keys_of(secret, ROTATE_MS);
    struct ticket_key now = *ticket_keys_seal(k, AT_MS);
    const struct ticket_key *next = ticket_keys_seal(k, AT_MS + ROTATE_MS);
    assert_memory_not_equal(now.cipher, now.mac, sizeof(now.mac));
    assert_memory_not_equal(now.name, now.cipher, sizeof(now.name));
    assert_memory_not_equal(now.cipher, secret, sizeof(now.cipher));
    assert_memory_not_equal(now.name, next->name, sizeof(now.name));
    assert_memory_not_equal(now.cipher, next->cipher, sizeof(now.cipher));
    assert_memory_not_equal(now.mac, next->mac, sizeof(now.mac));
    ticket_keys_free(k);
}

static void without_memory(void **state)
{
    (void)state;
    mem_fail_after(1, false);
    assert_null(ticket_keys_new(str_of(secret), ROTATE_MS));
    mem_fail_after(0, false);
    assert_null(ticket_keys_new(str_of(secret), 0));
    ticket_keys_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens),
        cmocka_unit_test(parts_differ),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
