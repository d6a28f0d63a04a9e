/* proxy/tls/resume.c: what a ticket that was sealed rightly may say of ours, and what it may not.
 */
#include "auth/revoke/deny.h"
#include "proxy/tls/site_inner.h"
#include "tests/unit/proxy/tls/resume_lab.h"

#define NOTE_NAME   (1 + 8 + 8 + 8 + 1 + 32 + 1 + (int)sizeof(struct deny_keys))
#define NOTE_LENGTH (NOTE_NAME + 1 + 11)

static unsigned char note[300];
static size_t note_length;

static int make_note(SSL *ssl, void *arg)
{
    (void)arg;
    return note_length == 0 ||
           SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), note, note_length) == 1;
}

static SSL_TICKET_RETURN take_none(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                   size_t name_n, SSL_TICKET_STATUS status, void *arg)
{
    (void)ssl;
    (void)session;
    (void)name;
    (void)name_n;
    (void)status;
    (void)arg;
    return SSL_TICKET_RETURN_IGNORE_RENEW;
}

static void put(size_t at, int64_t value)
{
    for (size_t i = 0; i < 8; i++) {
        note[at + i] = (unsigned char)((uint64_t)value >> (56 - 8 * i));
    }
}

static void good_note(const struct tls_sites *t)
{
    note_length = NOTE_LENGTH;
    note[0] = 3;
    put(1, NOW_MS);
    put(9, NOW_MS);
    put(17, NOW_MS + 1);
    note[25] = 0;
    memcpy(note + 26, t->v[0].binding, SITE_BINDING);
    note[58] = 1;
    memset(note + 59, 7, sizeof(struct deny_keys));
    note[NOTE_NAME] = 11;
    memcpy(note + NOTE_NAME + 1, "www.example", 11);
}

enum change {
    NOTHING,
    NO_NOTE,
    NO_OCTET,
    CUT,
    LONGER,
    NAME_LENGTH,
    CHAIN_LENGTH,
    CHAIN_TOO_LONG,
    VERSION_2,
    VERSION_4,
    FIRST_LATER,
    FROM_FUTURE,
    TIME_LEAST,
    TIME_MOST,
    TERM_ENDED,
    TERM_NONE,
    BINDING
};

static void change_note(enum change change)
{
    switch (change) {
    case NOTHING:
        break;
    case NO_NOTE:
        note_length = 0;
        break;
    case NO_OCTET:
        note_length = 1;
        break;
    case CUT:
        note_length--;
        break;
    case LONGER:
        note_length++;
        break;
    case NAME_LENGTH:
        note[NOTE_NAME]--;
        break;
    case CHAIN_LENGTH:
        note[58] = 0;
        break;
    case CHAIN_TOO_LONG:
        note[58] = 255;
        break;
    case VERSION_2:
        note[0] = 2;
        break;
    case VERSION_4:
        note[0] = 4;
        break;
    case FIRST_LATER:
        put(1, NOW_MS + 1);
        break;
    case FROM_FUTURE:
        put(1, NOW_MS + 1);
        put(9, NOW_MS + 1);
        break;
    case TIME_LEAST:
        put(1, INT64_MIN);
        put(9, INT64_MIN);
        break;
    case TIME_MOST:
        put(9, INT64_MAX);
        break;
    case TERM_ENDED:
        put(17, NOW_MS);
        break;
    case TERM_NONE:
        put(17, INT64_MIN);
        break;
    case BINDING:
        note[26] ^= 1;
        break;
    }
}

static void notes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * (BINDING + 1); i++) {
        enum change change = (enum change)(i / 2);
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        struct tls_sites *real = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        good_note(t);
        change_note(change);
        assert_int_equal(SSL_CTX_set_session_ticket_cb(t->v[0].context, make_note, take_none, NULL),
                         1);
        SSL_SESSION *kept = resume_good_visit(t, resume_versions[i % 2], "www.example");
        bool resumed = resume_again(real, resume_versions[i % 2], kept, "www.example", NULL);
        if (resumed != (change == NOTHING)) {
            fail_msg("change %d, version %zu", (int)change, i % 2);
        }
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        tls_sites_unref(real);
    }
}

/* Whatever term the note grants, the certificate's own dates are looked at. */
static void the_term_is_not_all(void **state)
{
    (void)state;
    X509 *brief =
        lab_issue(&lab, &(struct pki_spec){.common_name = "alice", .not_after_s = PKI_NOW_S + 600});
    for (size_t i = 0; i < 2; i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        struct tls_sites *real = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        good_note(t);
        put(17, INT64_MAX);
        assert_int_equal(SSL_CTX_set_session_ticket_cb(t->v[0].context, make_note, take_none, NULL),
                         1);
        SSL_SESSION *kept = resume_visit(t, resume_versions[i], brief, "www.example");
        assert_true(resume_again(real, resume_versions[i], kept, "www.example", NULL));
        clock_fake(0, NOW_MS + 601000);
        assert_false(resume_again(real, resume_versions[i], kept, "www.example", NULL));
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        tls_sites_unref(real);
        clock_fake(0, NOW_MS);
    }
    X509_free(brief);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes),
        cmocka_unit_test(the_term_is_not_all),
    };
    int failed = 0;
    const char *way;
    for (size_t i = 0; (way = lab_use_way(i)) != NULL; i++) {
        (void)puts(way);
        failed += cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
    }
    return failed;
}
