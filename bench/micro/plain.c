/* Owns: bare libssl as a contender. Tricks are done in the simplest way that could be honest, so
 * that what they save is seen without what a proxy does around them. */
#include "bench/micro/plain.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ssl.h>

#include "bench/micro/need.h"
#include "proxy/tls/bio.h"
#include "proxy/tls/library.h"

enum { VERDICTS = 1024, DER_MAX = 8192, ENDS_MAX = 1 << 18 };

struct verdict {
    unsigned char key[32];
    time_t until;
};

struct plain {
    unsigned tricks;
    SSL_CTX *context;
    BIO_METHOD *method;
    EVP_MD_CTX *hash;
    struct verdict verdicts[VERDICTS];
};

struct plain_connection {
    SSL *ssl;
    struct plain *server;
    struct bio_ends ends; /* with memory BIOs, only its out is used */
};

static bool hash_chain(EVP_MD_CTX *hash, STACK_OF(X509) * sent, unsigned char key[32])
{
    unsigned char der[DER_MAX];
    bool good = EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    for (int i = 0; i < sk_X509_num(sent) && good; i++) {
        unsigned char *p = der;
        int n = i2d_X509(sk_X509_value(sent, i), NULL);
        good = n > 0 && n <= DER_MAX && i2d_X509(sk_X509_value(sent, i), &p) == n &&
               EVP_DigestUpdate(hash, der, (size_t)n) == 1;
    }
    return good && EVP_DigestFinal_ex(hash, key, NULL) == 1;
}

static int on_chain(X509_STORE_CTX *chain, void *arg)
{
    struct plain *p = arg;
    unsigned char key[32];
    unsigned slot = 0;
    if (!hash_chain(p->hash, X509_STORE_CTX_get0_untrusted(chain), key)) {
        return X509_verify_cert(chain);
    }
    memcpy(&slot, key, sizeof(slot));
    struct verdict *v = &p->verdicts[slot % VERDICTS];
    if (memcmp(v->key, key, sizeof(key)) == 0 && time(NULL) < v->until) {
        X509_STORE_CTX_set_error(chain, X509_V_OK);
        return 1;
    }
    int good = X509_verify_cert(chain);
    if (good == 1) {
        memcpy(v->key, key, sizeof(key));
        v->until = time(NULL) + 3600;
    }
    return good;
}

static void apply(struct plain *p)
{
    SSL_CTX *c = p->context;
    if ((p->tricks & PLAIN_NO_TICKETS) != 0) {
        need(SSL_CTX_set_num_tickets(c, 0) == 1, "no tickets");
        (void)SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
        (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    }
    if ((p->tricks & PLAIN_STATEFUL) != 0) {
        need(SSL_CTX_set_num_tickets(c, 1) == 1, "one ticket");
        (void)SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
    }
    if ((p->tricks & PLAIN_REMEMBER) != 0) {
        p->hash = EVP_MD_CTX_new();
        SSL_CTX_set_cert_verify_callback(c, on_chain, p);
    }
    if ((p->tricks & PLAIN_AES_128) != 0) {
        need(SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384") == 1,
             "suites");
        (void)SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE);
    }
    if ((p->tricks & PLAIN_OWN_BIO) != 0) {
        p->method = bio_method_new();
    }
    if ((p->tricks & PLAIN_GROUPS) != 0) {
        static char groups[] = "X25519:P-256";
        need(SSL_CTX_set1_groups_list(c, groups) == 1, "groups");
    }
    if ((p->tricks & PLAIN_CHAIN) != 0) {
        (void)SSL_CTX_set_mode(c, SSL_MODE_NO_AUTO_CHAIN);
    }
    if ((p->tricks & PLAIN_BUFFERS) != 0) {
        (void)SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    }
}

static void *begin(void *self)
{
    struct plain *p = self;
    struct plain_connection *x = calloc(1, sizeof(*x));
    need(x != NULL, "memory");
    x->server = p;
    x->ssl = SSL_new(p->context);
    bio_ends_init(&x->ends, ENDS_MAX, ENDS_MAX);
    if (p->method != NULL) {
        BIO *both = bio_new(p->method, &x->ends);
        SSL_set_bio(x->ssl, both, both);
    } else {
        SSL_set_bio(x->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    }
    SSL_set_accept_state(x->ssl);
    return x;
}

static bool feed(void *connection, struct str octets, struct buf **out)
{
    struct plain_connection *x = connection;
    bool own = x->server->method != NULL;
    if (own) {
        x->ends.lent = octets;
    } else {
        (void)BIO_write(SSL_get_rbio(x->ssl), octets.p, (int)octets.n);
    }
    int rc = SSL_do_handshake(x->ssl);
    if (!own) {
        char *p = NULL;
        long n = BIO_get_mem_data(SSL_get_wbio(x->ssl), &p);
        need(n <= 0 || buf_append(&x->ends.out, (struct str){p, (size_t)n}) == 0, "memory");
        (void)BIO_reset(SSL_get_wbio(x->ssl));
    }
    *out = &x->ends.out;
    return rc == 1 || SSL_get_error(x->ssl, rc) == SSL_ERROR_WANT_READ;
}

static bool is_done(void *connection, bool resumed)
{
    const struct plain_connection *x = connection;
    return SSL_is_init_finished(x->ssl) == 1 && SSL_get0_peer_certificate(x->ssl) != NULL &&
           SSL_get_verify_result(x->ssl) == X509_V_OK &&
           (SSL_session_reused(x->ssl) == 1) == resumed;
}

static void end(void *connection)
{
    struct plain_connection *x = connection;
    SSL_set_shutdown(x->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(x->ssl);
    bio_ends_fini(&x->ends);
    free(x);
}

static void plain_free(void *self)
{
    struct plain *p = self;
    SSL_CTX_free(p->context);
    BIO_meth_free(p->method);
    EVP_MD_CTX_free(p->hash);
    free(p);
}

void plain_init(struct contender *c, const struct pki *pki, unsigned tricks)
{
    struct plain *p = calloc(1, sizeof(*p));
    need(p != NULL, "memory");
    const char *why = NULL;
    bool narrow = (tricks & PLAIN_NARROW) != 0;
    OSSL_LIB_CTX *library = narrow ? library_context(&why) : NULL;
    const char *query = narrow ? library_query(true) : NULL;
    need(why == NULL, why);
    p->tricks = tricks;
    p->context = SSL_CTX_new_ex(library, query, TLS_server_method());
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    need(p->context != NULL && names != NULL &&
             SSL_CTX_use_certificate(p->context, pki->server) == 1 &&
             SSL_CTX_use_PrivateKey(p->context, pki->server_key) == 1 &&
             X509_STORE_add_cert(SSL_CTX_get_cert_store(p->context), pki->root) == 1 &&
             sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(pki->root))) > 0 &&
             SSL_CTX_set_session_id_context(p->context, (const unsigned char *)"micro", 5) == 1,
         "making a server");
    SSL_CTX_set_client_CA_list(p->context, names);
    SSL_CTX_set_verify(p->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    apply(p);
    c->self = p;
    c->begin = begin;
    c->feed = feed;
    c->is_done = is_done;
    c->end = end;
    c->free = plain_free;
}
