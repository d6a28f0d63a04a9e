/* Owns: the order in which secrets follow from one another. Not: HKDF (hkdf.c), nor what is
 * protected with the keys (traffic.c). On one thread. */
#include "proxy/tls/schedule.h"

#include <openssl/evp.h>

#include "base/mem.h"
#include "proxy/tls/hkdf.h"

static const EVP_MD *digest_of(const struct schedule *s)
{
    return traffic_digest(s->ciphers, s->suite);
}

static struct str octets_of(const struct schedule *s, const unsigned char *secret)
{
    return (struct str){(const char *)secret, traffic_secret_size(s->suite)};
}

/* HKDF-Expand-Label for as many octets as the digest has. */
static bool expand(const struct schedule *s, const unsigned char *secret, struct str label,
                   struct str context, unsigned char *out)
{
    const struct hkdf_label of = {.secret = octets_of(s, secret),
                                  .prefix = STR("tls13 "),
                                  .label = label,
                                  .context = context};
    return hkdf_expand_label(digest_of(s), &of, out, traffic_secret_size(s->suite));
}

/* From the latest secret to the next one, with what is new in it. */
static bool advance(struct schedule *s, struct str news)
{
    unsigned char empty[TRAFFIC_SECRET_MAX];
    unsigned char derived[TRAFFIC_SECRET_MAX];
    bool ok = EVP_Digest("", 0, empty, NULL, digest_of(s), NULL) == 1 &&
              expand(s, s->secret, STR("derived"), octets_of(s, empty), derived) &&
              hkdf_extract(digest_of(s), octets_of(s, derived), news, s->secret);
    mem_wipe(derived, sizeof(derived));
    return ok;
}

bool schedule_begin(struct schedule *s, struct traffic_ciphers *ciphers, enum traffic_suite suite,
                    struct str psk)
{
    static const unsigned char zeros[TRAFFIC_SECRET_MAX] = {0};
    *s = (struct schedule){.ciphers = ciphers, .suite = suite};
    s->transcript = EVP_MD_CTX_new();
    return s->transcript != NULL && EVP_DigestInit_ex(s->transcript, digest_of(s), NULL) == 1 &&
           hkdf_extract(digest_of(s), STR_NONE, psk.n > 0 ? psk : octets_of(s, zeros), s->secret);
}

/* HMAC is what HKDF-Extract is made of (RFC 5869 2.2). */
static bool finish(const struct schedule *s, const unsigned char *base, const unsigned char *digest,
                   unsigned char *out)
{
    unsigned char key[TRAFFIC_SECRET_MAX];
    bool ok = expand(s, base, STR("finished"), STR_NONE, key) &&
              hkdf_extract(digest_of(s), octets_of(s, key), octets_of(s, digest), out);
    mem_wipe(key, sizeof(key));
    return ok;
}

bool schedule_binder(const struct schedule *s, struct str hello,
                     unsigned char out[TRAFFIC_SECRET_MAX])
{
    unsigned char empty[TRAFFIC_SECRET_MAX];
    unsigned char digest[TRAFFIC_SECRET_MAX];
    unsigned char key[TRAFFIC_SECRET_MAX];
    bool ok = EVP_Digest("", 0, empty, NULL, digest_of(s), NULL) == 1 &&
              EVP_Digest(hello.p, hello.n, digest, NULL, digest_of(s), NULL) == 1 &&
              expand(s, s->secret, STR("res binder"), octets_of(s, empty), key) &&
              finish(s, key, digest, out);
    mem_wipe(key, sizeof(key));
    return ok;
}

void schedule_end(struct schedule *s)
{
    EVP_MD_CTX_free(s->transcript);
    mem_wipe(s, sizeof(*s));
}

bool schedule_add(struct schedule *s, struct str message)
{
    return EVP_DigestUpdate(s->transcript, message.p, message.n) == 1;
}

bool schedule_digest(const struct schedule *s, unsigned char out[TRAFFIC_SECRET_MAX])
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    bool ok = copy != NULL && EVP_MD_CTX_copy_ex(copy, s->transcript) == 1 &&
              EVP_DigestFinal_ex(copy, out, NULL) == 1;
    EVP_MD_CTX_free(copy);
    return ok;
}

/* Derive-Secret for each side, by the transcript so far. */
static bool derive_pair(const struct schedule *s, const char *const labels[2],
                        unsigned char *client, unsigned char *server)
{
    unsigned char digest[TRAFFIC_SECRET_MAX];
    return schedule_digest(s, digest) &&
           expand(s, s->secret, str_of(labels[0]), octets_of(s, digest), client) &&
           expand(s, s->secret, str_of(labels[1]), octets_of(s, digest), server);
}

bool schedule_handshake(struct schedule *s, struct str shared, struct traffic_side *client,
                        struct traffic_side *server)
{
    static const char *const labels[2] = {"c hs traffic", "s hs traffic"};
    return advance(s, shared) && derive_pair(s, labels, s->client, s->server) &&
           traffic_begin(s->ciphers, s->suite, s->client, client) &&
           traffic_begin(s->ciphers, s->suite, s->server, server);
}

bool schedule_application(struct schedule *s, struct traffic_side *client,
                          struct traffic_side *server)
{
    static const char *const labels[2] = {"c ap traffic", "s ap traffic"};
    static const unsigned char zeros[TRAFFIC_SECRET_MAX] = {0};
    unsigned char secrets[2][TRAFFIC_SECRET_MAX];
    bool ok = advance(s, octets_of(s, zeros)) && derive_pair(s, labels, secrets[0], secrets[1]) &&
              traffic_begin(s->ciphers, s->suite, secrets[0], client) &&
              traffic_begin(s->ciphers, s->suite, secrets[1], server);
    mem_wipe(secrets, sizeof(secrets));
    return ok;
}

bool schedule_session(const struct schedule *s, struct str nonce,
                      unsigned char out[TRAFFIC_SECRET_MAX])
{
    unsigned char digest[TRAFFIC_SECRET_MAX];
    unsigned char master[TRAFFIC_SECRET_MAX];
    bool ok = schedule_digest(s, digest) &&
              expand(s, s->secret, STR("res master"), octets_of(s, digest), master) &&
              expand(s, master, STR("resumption"), nonce, out);
    mem_wipe(master, sizeof(master));
    return ok;
}

bool schedule_finished(const struct schedule *s, const unsigned char *base,
                       unsigned char out[TRAFFIC_SECRET_MAX])
{
    unsigned char digest[TRAFFIC_SECRET_MAX];
    return schedule_digest(s, digest) && finish(s, base, digest, out);
}
