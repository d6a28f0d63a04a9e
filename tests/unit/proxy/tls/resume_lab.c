/* Owns: who visits sites that resume. */
#include "tests/unit/proxy/tls/resume_lab.h"

struct session_store *resume_giver;
struct session_store *resume_taker;

const int resume_versions[2] = {TLS1_2_VERSION, TLS1_3_VERSION};
const char resume_secret[] = "a secret that is long enough, of 48 octets or so";

const struct conf_resumption resume_policy = {.enabled = true,
                                              .life_ms = 60 * MINUTE_MS,
                                              .life_total_ms = 120 * MINUTE_MS,
                                              .rotate_ms = 240 * MINUTE_MS};

/* A setting that is still there when the table is used; good until the 8th next call. */
struct lab_setting *resume_setting(enum conf_client_mode mode, enum conf_on_failure on_failure)
{
    static struct lab_setting settings[8];
    static char paths[8][TMPDIR_PATH_MAX];
    static unsigned next;
    unsigned i = next++ % 8;
    lab_setting_init(&settings[i], &lab, mode, on_failure);
    settings[i].ca.p = tmpdir_path(&lab.directory, "ca.crt", paths[i]);
    return &settings[i];
}

struct tls_sites *resume_sites_with(struct lab_setting *s, const char *key, const char *listener)
{
    struct tls_sites *t = lab_sites(&s->listener);
    assert_int_equal(resume_enable(t, &resume_policy, str_of(key), str_of(listener)), 0);
    return t;
}

struct tls_sites *resume_sites(enum conf_client_mode mode, enum conf_on_failure on_failure)
{
    return resume_sites_with(resume_setting(mode, on_failure), resume_secret, RESUME_LISTENER);
}

/* With TLS 1.2 a session that is kept has one number for all its life. */
bool resume_has_one_number(int version)
{
    return resume_giver != NULL && version == TLS1_2_VERSION;
}

/* What a client shows of its session when it comes again: the ticket, or the id where there is
 * none. */
struct str resume_shown(const SSL_SESSION *session)
{
    const unsigned char *octets = NULL;
    size_t n = 0;
    SSL_SESSION_get0_ticket(session, &octets, &n);
    if (n == 0) {
        unsigned id_n = 0;
        octets = SSL_SESSION_get_id(session, &id_n);
        n = id_n;
    }
    return (struct str){(const char *)octets, n};
}

/* The client's session. One that ends without a goodbye would be forgotten. */
SSL_SESSION *resume_take(const struct lab_client *c)
{
    SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    return SSL_get1_session(c->ssl);
}

/* The ticket of a visit to t with cert (NULL: without); NULL if none came. */
SSL_SESSION *resume_visit(struct tls_sites *t, int version, X509 *cert, const char *name)
{
    struct lab_client c;
    tls_sites_use_store(t, resume_giver);
    lab_client_init(&c, version, cert, lab.key);
    lab_client_join(&c, t, name);
    assert_int_equal(lab_handshake(&c), TLS_OK);
    assert_false(tls_session_resumed(c.session));
    SSL_SESSION *kept = resume_take(&c);
    if (kept != NULL && SSL_SESSION_is_resumable(kept) != 1) {
        SSL_SESSION_free(kept);
        kept = NULL;
    }
    lab_client_fini(&c);
    return kept;
}

SSL_SESSION *resume_good_visit(struct tls_sites *t, int version, const char *name)
{
    X509 *x = lab_good_client(&lab);
    SSL_SESSION *kept = resume_visit(t, version, x, name);
    assert_non_null(kept);
    X509_free(x);
    return kept;
}

/* Come again with a kept session; *next (may be NULL): the session after it. Returns whether it was
 * resumed; either way the handshake must be finished, and bring alice's certificate. */
bool resume_again(struct tls_sites *t, int version, SSL_SESSION *kept, const char *name,
                  SSL_SESSION **next)
{
    struct lab_client c;
    X509 *x = lab_good_client(&lab);
    tls_sites_use_store(t, resume_taker);
    lab_client_init(&c, version, x, lab.key);
    lab_client_join(&c, t, name);
    SSL_SESSION *copy = SSL_SESSION_dup(kept);
    assert_int_equal(SSL_set_session(c.ssl, copy), 1);
    SSL_SESSION_free(copy);
    assert_int_equal(lab_handshake(&c), TLS_OK);
    bool resumed = tls_session_resumed(c.session);
    assert_int_equal(resumed, SSL_session_reused(c.ssl));
    assert_int_equal(tls_session_peer_reason(c.session), REASON_OK);
    assert_non_null(tls_session_peer(c.session));
    if (next != NULL) {
        *next = resume_take(&c);
    }
    lab_client_fini(&c);
    X509_free(x);
    return resumed;
}
