/* Owns: the chain of hashes. The hash of an entry is SHA-256 over the hash before it (32 zeros for
 * the first) and then each field as its length in eight octets, big-endian, and its octets; numbers
 * as eight octets. Whoever changes, inserts or takes out an entry must change all that follow, and
 * the last hash shows it to everybody who has noted one. */
#include "ca/audit.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "ca/library.h"

#define HASH 32

static bool add_number(EVP_MD_CTX *md, uint64_t v)
{
    unsigned char octets[8];
    for (int i = 7; i >= 0; i--) {
        octets[i] = (unsigned char)(v & 0xffU);
        v >>= 8;
    }
    return EVP_DigestUpdate(md, octets, sizeof(octets)) == 1;
}

static bool add_text(EVP_MD_CTX *md, struct str s)
{
    return add_number(md, s.n) && EVP_DigestUpdate(md, s.n > 0 ? s.p : "", s.n) == 1;
}

static int hash_entry(struct audit_entry *a, const unsigned char before[HASH], struct err *e)
{
    unsigned n = 0;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(md, before, HASH) == 1 && add_number(md, (uint64_t)a->seq) &&
              add_number(md, (uint64_t)a->at_ms) && add_text(md, a->actor) &&
              add_text(md, a->origin) && add_text(md, a->action) && add_text(md, a->object) &&
              add_text(md, a->detail) && EVP_DigestFinal_ex(md, a->hash, &n) == 1;
    EVP_MD_CTX_free(md);
    return ok ? 0 : library_failed(e, ERR_CRYPTO, "the library cannot hash");
}

static int take_last(void *arg, const struct db_row *r)
{
    struct audit_entry *a = arg;
    struct str hash = db_octets(r, 2);
    a->seq = db_number(r, 0);
    a->at_ms = db_number(r, 1);
    if (hash.n != HASH) {
        return -ERR_MALFORMED;
    }
    memcpy(a->hash, hash.p, HASH);
    return 0;
}

int audit_append(struct db *d, const struct actor *who, const char *action, struct str object,
                 struct str detail, struct err *e)
{
    struct audit_entry last = {0};
    int rc = db_query(d, "SELECT seq, at_ms, hash FROM audit ORDER BY seq DESC LIMIT 1",
                      (struct db_values){NULL, 0}, take_last, &last, e);
    if (rc != 0) {
        return rc;
    }
    int64_t now_ms = clock_wall_ms();
    struct audit_entry a = {.seq = last.seq + 1,
                            .at_ms = now_ms > last.at_ms ? now_ms : last.at_ms,
                            .actor = who->name,
                            .origin = who->origin,
                            .action = str_of(action),
                            .object = object,
                            .detail = detail};
    rc = hash_entry(&a, last.hash, e);
    if (rc != 0) {
        return rc;
    }
    return db_query(d,
                    "INSERT INTO audit (seq, at_ms, actor, origin, action, object, detail, hash) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    DB_VALUES(DB_NUMBER(a.seq), DB_NUMBER(a.at_ms), DB_TEXT(a.actor),
                              DB_TEXT(a.origin), DB_TEXT(a.action), DB_TEXT(a.object),
                              DB_TEXT(a.detail),
                              DB_BLOB(((struct str){(const char *)a.hash, HASH}))),
                    NULL, NULL, e);
}

struct walk {
    audit_each_fn each;
    void *arg;
};

enum { ENDED = 1 };

static int show_row(void *arg, const struct db_row *r)
{
    const struct walk *w = arg;
    struct audit_entry a = {.seq = db_number(r, 0),
                            .at_ms = db_number(r, 1),
                            .actor = db_octets(r, 2),
                            .origin = db_octets(r, 3),
                            .action = db_octets(r, 4),
                            .object = db_octets(r, 5),
                            .detail = db_octets(r, 6)};
    struct str hash = db_octets(r, 7);
    if (hash.n != HASH) {
        return -ERR_MALFORMED;
    }
    memcpy(a.hash, hash.p, HASH);
    return w->each(w->arg, &a) ? 0 : ENDED;
}

int audit_each(struct db *d, int64_t from_seq, audit_each_fn each, void *arg, struct err *e)
{
    struct walk w = {each, arg};
    int rc = db_query(d,
                      "SELECT seq, at_ms, actor, origin, action, object, detail, hash FROM audit "
                      "WHERE seq >= ?1 ORDER BY seq",
                      DB_VALUES(DB_NUMBER(from_seq)), show_row, &w, e);
    return rc == ENDED ? 0 : rc;
}

int audit_each_of(struct db *d, struct str request, struct str serial, audit_each_fn each,
                  void *arg, struct err *e)
{
    struct walk w = {each, arg};
    struct str second = serial.n > 0 ? serial : request;
    int rc = db_query(d,
                      "SELECT seq, at_ms, actor, origin, action, object, detail, hash FROM audit "
                      "WHERE object IN (?1, ?2) ORDER BY seq",
                      DB_VALUES(DB_TEXT(request), DB_TEXT(second)), show_row, &w, e);
    return rc == ENDED ? 0 : rc;
}

struct verify {
    struct audit_entry *last;
    struct err *e;
    int rc;
};

static bool verify_entry(void *arg, const struct audit_entry *read)
{
    struct verify *v = arg;
    struct audit_entry a = *read;
    if (a.seq != v->last->seq + 1) {
        v->rc = err_set(v->e, ERR_MALFORMED, "the record lacks entry %lld",
                        (long long)v->last->seq + 1);
        return false;
    }
    v->rc = hash_entry(&a, v->last->hash, v->e);
    if (v->rc == 0 && memcmp(a.hash, read->hash, HASH) != 0) {
        v->rc =
            err_set(v->e, ERR_MALFORMED, "entry %lld of the record was changed", (long long)a.seq);
    }
    v->last->seq = a.seq;
    v->last->at_ms = a.at_ms;
    memcpy(v->last->hash, a.hash, HASH);
    return v->rc == 0;
}

int audit_verify(struct db *d, struct audit_entry *last, struct err *e)
{
    *last = (struct audit_entry){0};
    struct verify v = {last, e, 0};
    int rc = audit_each(d, 1, verify_entry, &v, e);
    return rc != 0 ? rc : v.rc;
}

static int name_missing(void *arg, const struct db_row *r)
{
    return err_set(arg, ERR_MALFORMED,
                   "the record does not tell how %.*s %.*s came to be as it is: it was cut",
                   STR_ARG(db_octets(r, 0)), STR_ARG(db_octets(r, 1)));
}

int audit_verify_whole(struct db *d, struct err *e)
{
    /* One that was replaced is the detail of the one that it follows. */
    return db_query(
        d,
        "SELECT 'request', r.id FROM request r "
        "WHERE NOT EXISTS (SELECT 1 FROM audit a WHERE a.object = r.id) "
        "AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.object = r.renews AND a.detail = r.id) "
        "UNION ALL SELECT 'request', r.id FROM request r WHERE r.state = 2 AND NOT EXISTS "
        "(SELECT 1 FROM audit a WHERE a.object = r.id AND a.action = 'request.denied') "
        "UNION ALL SELECT 'certificate', c.serial FROM certificate c WHERE NOT EXISTS (SELECT 1 "
        "FROM audit a WHERE a.object = c.request AND a.action LIKE 'certificate.i%') "
        "UNION ALL SELECT 'certificate', c.serial FROM certificate c WHERE c.withdrawn_ms > 0 "
        "AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.object = c.serial "
        "AND a.action = 'certificate.withdrawn') LIMIT 1",
        (struct db_values){NULL, 0}, name_missing, e, e);
}
