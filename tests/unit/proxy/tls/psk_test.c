/* proxy/tls/psk.c: what may stand in the store under the number that a client shows. */
#include <stdio.h>

#include "proxy/tls/library.h"
#include "proxy/tls/proof.h"
#include "proxy/tls/psk.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/site_inner.h"
#include "tests/unit/proxy/tls/resume_lab.h"

static struct session_region *region;

static int set_up(void **state)
{
    (void)lab_set_up(state);
    region = session_region_new(64, 1);
    resume_giver = resume_taker = session_store_open(region, 0);
    return resume_giver != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    session_store_close(resume_giver);
    session_region_free(region);
    resume_giver = resume_taker = NULL;
    return lab_tear_down(state);
}

/* The form that a good visit leaves. */
static size_t form_of(SSL_SESSION *kept, unsigned char out[SESSION_STORE_OCTETS])
{
    struct str number = resume_shown(kept);
    return session_store_get_octets(resume_giver, (const unsigned char *)number.p, number.n, out);
}

/* Keep these octets, and look for them as a session of sites t. */
static bool is_found(struct tls_sites *t, const unsigned char *form, size_t n, struct psk *out)
{
    unsigned char id[SESSION_STORE_ID];
    assert_true(session_store_id(resume_giver, id));
    bool kept =
        session_store_put_octets(resume_giver, id, (struct str){(const char *)form, n}, MINUTE_MS);
    struct tls_session *s = tls_session_new(t);
    assert_non_null(s);
    bool found = psk_find(s, (struct str){(const char *)id, sizeof(id)}, out);
    assert_true(kept || !found);
    tls_session_free(s);
    return found;
}

/* Octets at which the form of a session is not as it was written. */
static void forms(void **state)
{
    (void)state;
    enum { NOTE_AT = 2 + TRAFFIC_SECRET_MAX };
    static const struct {
        const char *says;
        size_t at;
        int value;  /* -1: as it is */
        size_t cut; /* to so many octets; 0: not */
        bool found;
    } rows[] = {
        {"as it is", 0, -1, 0, true},
        {"another form", 0, 2, 0, false},
        {"OpenSSL's", 0, 0x30, 0, false},
        {"no suite", 1, TRAFFIC_SUITES, 0, false},
        {"a negative suite", 1, 255, 0, false},
        {"a note that is longer than all", NOTE_AT, 0x7f, 0, false},
        {"one octet", 0, -1, 1, false},
        {"it ends in the secret", 0, -1, NOTE_AT - 1, false},
        {"it ends before the note's length", 0, -1, NOTE_AT, false},
        {"it ends behind it", 0, -1, NOTE_AT + 2, false},
        {"it ends in the note", 0, -1, NOTE_AT + 3, false},
    };
    struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    SSL_SESSION *kept = resume_good_visit(t, TLS1_3_VERSION, NULL);
    unsigned char form[SESSION_STORE_OCTETS];
    size_t n = form_of(kept, form);
    assert_true(n > NOTE_AT + 2);
    struct psk *found = mem_calloc(1, sizeof(*found));
    assert_non_null(found);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned char damaged[SESSION_STORE_OCTETS];
        memcpy(damaged, form, n);
        if (rows[i].value >= 0) {
            damaged[rows[i].at] = (unsigned char)rows[i].value;
        }
        if (is_found(t, damaged, rows[i].cut > 0 ? rows[i].cut : n, found) != rows[i].found) {
            fail_msg("%s", rows[i].says);
        }
    }
    /* Without a certificate, too: it ends with its note. */
    size_t note_n = (size_t)form[NOTE_AT] << 8 | form[NOTE_AT + 1];
    assert_false(is_found(t, form, NOTE_AT + 2 + note_n, found));
    assert_true(is_found(t, form, NOTE_AT + 2 + note_n + 1, found));
    psk_free(found);
    mem_wipe(form, sizeof(form));
    SSL_SESSION_free(kept);
    tls_sites_unref(t);
}

/* Any octet of the note or the certificate that is not as it was: nobody is let in by it. */
static void damaged_ones_are_not_taken(void **state)
{
    (void)state;
    struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    SSL_SESSION *kept = resume_good_visit(t, TLS1_3_VERSION, NULL);
    unsigned char form[SESSION_STORE_OCTETS];
    size_t n = form_of(kept, form);
    struct psk *p = mem_calloc(1, sizeof(*p));
    assert_true(n > 0 && p != NULL && is_found(t, form, n, p));
    static const struct {
        const char *says;
        size_t note_at; /* the octet that is turned; that many from the end of the certificate: */
        size_t leaf_cut;
        bool taken;
    } rows[] = {
        {"as it is", SIZE_MAX, 0, true},
        {"another version of the note", 0, 0, false},
        {"the full handshake's time", 1, 0, false},
        {"the ticket's time", 9, 0, false},
        {"the binding", 26, 0, false},
        {"how much can be withdrawn", 26 + SITE_BINDING, 0, false},
        {"certificate without its last octet", SIZE_MAX, 1, false},
        {"certificate of one octet", SIZE_MAX, SIZE_MAX, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct psk other = *p;
        X509 *leaf = NULL;
        struct tls_session *s = tls_session_new(t);
        assert_non_null(s);
        s->site = tls_sites_find(t, STR_NONE);
        if (rows[i].note_at != SIZE_MAX) {
            other.note[rows[i].note_at] ^= 0x40;
        }
        other.leaf_n = rows[i].leaf_cut == SIZE_MAX ? 1 : other.leaf_n - rows[i].leaf_cut;
        bool taken = psk_take(s, &other, &leaf);
        if (taken != rows[i].taken || taken != (leaf != NULL)) {
            fail_msg("%s", rows[i].says);
        }
        psk_adopt(s, &other, taken ? leaf : NULL);
        assert_int_equal(s->peer_reason == REASON_OK, taken);
        X509_free(leaf);
        tls_session_free(s);
        mem_wipe(&other, sizeof(other));
    }
    psk_free(p);
    SSL_SESSION_free(kept);
    tls_sites_unref(t);
}

/* OpenSSL finds nothing in one of ours, nor we in one of OpenSSL's. */
static void forms_do_not_mix(void **state)
{
    (void)state;
    struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    SSL_SESSION *ours = resume_good_visit(t, TLS1_3_VERSION, NULL);
    SSL_SESSION *others = resume_good_visit(t, TLS1_2_VERSION, NULL);
    struct str number = resume_shown(ours);
    assert_null(session_store_get(resume_giver, (const unsigned char *)number.p, number.n));
    struct psk *p = mem_calloc(1, sizeof(*p));
    struct tls_session *s = tls_session_new(t);
    assert_true(p != NULL && s != NULL);
    assert_true(psk_find(s, number, p));
    assert_false(psk_find(s, resume_shown(others), p));
    assert_false(psk_find(s, str_slice(number, 0, number.n - 1), p));
    assert_false(psk_find(s, STR_NONE, p));
    tls_session_free(s);
    psk_free(p);
    SSL_SESSION_free(ours);
    SSL_SESSION_free(others);
    tls_sites_unref(t);
}

int main(void)
{
    if (!library_shakes_hands(&lab_tuning)) {
        (void)printf("skipped: with this OpenSSL handshakes are its own\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_ones_are_not_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forms_do_not_mix, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("psk", tests, NULL, NULL);
}
