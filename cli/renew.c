/* Owns: the steps of one renewal and what is said about them. */
#include "cli/renew.h"

#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>

#include "base/clock.h"
#include "cli/hook.h"
#include "cli/renew_begun.h"
#include "cli/renew_check.h"
#include "cli/renew_schedule.h"

#define HOOK_LIMIT_MS 60000
#define VALUE_MAX     4200
#define DATE_LEN      20

static void date_of(int64_t ms, char out[CLOCK_RFC3339_LEN + 1])
{
    clock_rfc3339(ms, out);
    memcpy(out + DATE_LEN - 1, "Z", 2); /* to the second */
}

void renew_complain(enum renew_end end, const struct renew_result *out)
{
    static const char *const hints[] = {
        [RENEW_LATER] = "not renewed, try again later",
        [RENEW_WAITS] = "not renewed yet",
        [RENEW_REFUSED] = "not renewed",
        [RENEW_OVER] = "too late to renew",
        [RENEW_HOOK] = "renewed, but the hook failed",
    };
    (void)fprintf(stderr, "countersign cert renew: %s: %s\n", hints[end], out->err.text);
    (void)fflush(stderr);
}

/* The same place in the last third each time it is asked. */
static int64_t due_of(const struct renew_pair *p)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    unsigned n = 0;
    uint32_t jitter = 0;
    if (X509_digest(p->certificate, EVP_sha256(), digest, &n) == 1) {
        memcpy(&jitter, digest, sizeof(jitter));
    }
    return renew_schedule_due(p->not_before_ms, p->not_after_ms, jitter);
}

static int read_anchors(const char *path, STACK_OF(X509) * *out, struct err *e)
{
    BIO *bio = BIO_new_file(path, "r");
    STACK_OF(X509) *all = sk_X509_new_null();
    X509 *x = NULL;
    while (bio != NULL && all != NULL && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(all, x) <= 0) {
            X509_free(x);
        }
    }
    BIO_free(bio);
    *out = all;
    return sk_X509_num(all) > 0
               ? 0
               : err_set(e, ERR_CONFIG, "%s: holds no certificates that can be read", path);
}

/* Check what came and put it in place. */
static int take(const struct renew *r, const struct renew_pair *old, EVP_PKEY *key,
                STACK_OF(X509) * came, struct renew_result *out)
{
    struct renew_pair new = {.certificate = NULL};
    STACK_OF(X509) *anchors = NULL;
    int rc = r->anchors != NULL ? read_anchors(r->anchors, &anchors, &out->err) : 0;
    if (rc == 0 && anchors == NULL && sk_X509_num(old->above) == 0) {
        rc = err_set(&out->err, ERR_CONFIG,
                     "%s holds no CA's certificate behind the client's to check the new one "
                     "against: name them with --client-ca",
                     r->place.certificate);
    }
    rc = rc == 0 ? renew_check(old, key, came, anchors != NULL ? anchors : old->above,
                               clock_wall_ms(), &new, &out->err)
                 : rc;
    rc = rc == 0 ? renew_pair_replace(&r->place, old, &new, &out->err) : rc;
    if (rc == 0) {
        out->renewed = true;
        out->due_ms = due_of(&new);
        out->not_after_ms = new.not_after_ms;
    }
    sk_X509_pop_free(anchors, X509_free);
    renew_pair_fini(&new);
    return rc;
}

static enum renew_end end_of(enum renew_answer answer)
{
    switch (answer) {
    case RENEW_ANSWER_ISSUED:
        return RENEW_DONE;
    case RENEW_ANSWER_WAITS:
        return RENEW_WAITS;
    case RENEW_ANSWER_REFUSED:
        return RENEW_REFUSED;
    case RENEW_ANSWER_FAILED:
        break;
    }
    return RENEW_LATER;
}

static enum renew_end end_of_error(int rc)
{
    return rc == 0                                                            ? RENEW_DONE
           : rc == -ERR_DENIED || rc == -ERR_CONFIG || rc == -ERR_UNSUPPORTED ? RENEW_REFUSED
                                                                              : RENEW_LATER;
}

static enum renew_end ask(const struct renew *r, const struct renew_pair *old,
                          struct renew_result *out)
{
    struct renew_begun begun;
    EVP_PKEY *key = NULL;
    STACK_OF(X509) *came = NULL;
    int rc = renew_begun_open(&r->place, old, r->kind, &begun, &key, &out->err);
    enum renew_end end = end_of_error(rc);
    if (rc == 0) {
        end = end_of(
            renew_ask(&r->server, old->certificate, key, &came, &out->retry_after_s, &out->err));
    }
    if (rc == 0 && end == RENEW_DONE) {
        end = end_of_error(take(r, old, key, came, out));
    }
    renew_begun_end(&begun, end == RENEW_DONE);
    sk_X509_pop_free(came, X509_free);
    EVP_PKEY_free(key);
    return end;
}

static void say_renewed(const struct renew *r, const struct renew_result *out)
{
    char date[CLOCK_RFC3339_LEN + 1];
    date_of(out->not_after_ms, date);
    (void)printf("%s: renewed, good until %s\n", r->place.certificate, date);
    (void)fflush(stdout);
}

void renew_say_due(const struct renew *r, const struct renew_result *out)
{
    char due[CLOCK_RFC3339_LEN + 1];
    char end[CLOCK_RFC3339_LEN + 1];
    date_of(out->due_ms, due);
    date_of(out->not_after_ms, end);
    (void)printf("%s: good until %s, to be renewed from %s on\n", r->place.certificate, end, due);
    (void)fflush(stdout);
}

/* Read the pair, and see whether its time is over. */
static enum renew_end read_pair(const struct renew *r, struct renew_pair *old,
                                struct renew_result *out)
{
    char date[CLOCK_RFC3339_LEN + 1];
    *out = (struct renew_result){.due_ms = 0};
    enum renew_end end = end_of_error(renew_pair_read(&r->place, old, &out->err));
    if (end != RENEW_DONE) {
        return end;
    }
    out->not_after_ms = old->not_after_ms;
    out->due_ms = due_of(old);
    if (clock_wall_ms() < old->not_after_ms) {
        return RENEW_DONE;
    }
    date_of(old->not_after_ms, date);
    (void)err_set(&out->err, ERR_CLOSED,
                  "%s expired on %s: file a new request, which an operator must approve",
                  r->place.certificate, date);
    return RENEW_OVER;
}

enum renew_end renew_look(const struct renew *r, struct renew_result *out)
{
    struct renew_pair old;
    enum renew_end end = read_pair(r, &old, out);
    renew_pair_fini(&old);
    return end;
}

enum renew_end renew_try(const struct renew *r, struct renew_result *out)
{
    struct renew_pair old;
    enum renew_end end = read_pair(r, &old, out);
    if (end == RENEW_DONE && (clock_wall_ms() >= out->due_ms || r->force)) {
        end = ask(r, &old, out);
    }
    renew_pair_fini(&old);
    if (out->renewed) {
        say_renewed(r, out);
    }
    if (end != RENEW_DONE) {
        renew_complain(end, out);
    }
    return end;
}

enum renew_end renew_tell(const struct renew *r)
{
    char certificate[VALUE_MAX];
    char key[VALUE_MAX];
    const char *const values[] = {certificate, key};
    struct renew_result out = {.due_ms = 0};
    if (r->hook == NULL) {
        return RENEW_DONE;
    }
    (void)snprintf(certificate, sizeof(certificate), "COUNTERSIGN_CERTIFICATE=%s",
                   r->place.certificate);
    (void)snprintf(key, sizeof(key), "COUNTERSIGN_KEY=%s", r->place.key);
    if (hook_run(r->hook, values, 2, HOOK_LIMIT_MS, &out.err) == 0) {
        return RENEW_DONE;
    }
    renew_complain(RENEW_HOOK, &out);
    return RENEW_HOOK;
}
