/* countersign-bench-ca: what issuing, looking and listing cost with many certificates. It works
 * with a CA of its own in a directory, and leaves that there with --keep, for bench/ca/run to ask a
 * server about. Not installed, and nothing that tests judge by. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/authority.h"
#include "ca/crl.h"
#include "ca/csr.h"
#include "ca/issue.h"
#include "ca/records.h"
#include "ca/request.h"
#include "ca/withdraw.h"

enum { LIMIT = 100, LOOKS = 50, CERTIFICATES = 100000, MEASURED = 5000, DAYS = 730 };

static const char usage[] =
    "usage: countersign-bench-ca [--certificates N] [--issue N] [--keep] DIRECTORY\n"
    "\n"
    "Fills the database of a CA in DIRECTORY, which it makes, with N certificates (100000), and\n"
    "prints wall and CPU time of issuing N more (5000), of lists of 100, and of a revocation list "
    "of\n"
    "all. Pin it to one core: taskset -c 1. With --keep nothing is withdrawn, and the directory "
    "can\n"
    "be served: see bench/ca/run.\n";

struct lab {
    const char *directory;
    size_t certificates;
    size_t measured;
    bool keep;
    struct conf_ca_profile profile;
    struct conf_ca conf;
    struct ca_key key;
    struct life life;
};

static void need(bool ok, const struct err *e, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "countersign-bench-ca: %s: %s\n", what, e->text);
        exit(1);
    }
}

static double now_s(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct watch {
    double wall_s;
    double cpu_s;
};

static struct watch start(void)
{
    return (struct watch){now_s(CLOCK_MONOTONIC), now_s(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct watch since(struct watch w)
{
    return (struct watch){now_s(CLOCK_MONOTONIC) - w.wall_s,
                          now_s(CLOCK_PROCESS_CPUTIME_ID) - w.cpu_s};
}

static void set_sync(const struct lab *lab, bool on)
{
    struct err e = {0};
    static const struct db_values none = {NULL, 0};
    int rc = on ? db_query(lab->life.db, "PRAGMA synchronous = FULL", none, NULL, NULL, &e)
                : db_query(lab->life.db, "PRAGMA synchronous = OFF", none, NULL, NULL, &e);
    need(rc == 0, &e, "setting synchronous");
}

static void write_ca(struct lab *lab, EVP_PKEY *key, X509 *certificate)
{
    char path[4096];
    struct err e = {0};
    (void)snprintf(path, sizeof(path), "%s/ca.key", lab->directory);
    need(authority_write_key(path, key, STR_NONE, &e) == 0, &e, "writing the key");
    (void)snprintf(path, sizeof(path), "%s/ca.crt", lab->directory);
    need(authority_write_certificates(path, &certificate, 1, &e) == 0, &e, "writing the CA");
}

static void open_lab(struct lab *lab)
{
    char path[4096];
    struct err e = {0};
    const struct authority_wish wish = {
        .name = STR("Bench CA"), .life_days = 3650, .now_ms = clock_wall_ms()};
    need(mkdir(lab->directory, 0700) == 0, &(struct err){0, "is there already"}, lab->directory);
    need(authority_key(STR("p256"), &lab->key.key, &e) == 0, &e, "the key");
    need(authority_certificate(&wish, lab->key.key, NULL, NULL, &lab->key.certificate, &e) == 0, &e,
         "the CA");
    write_ca(lab, lab->key.key, lab->key.certificate);
    lab->profile =
        (struct conf_ca_profile){.name = {.p = "client"}, .life_days = DAYS, .rsa_bits_min = 2048};
    lab->conf = (struct conf_ca){.profiles = &lab->profile, .profile_count = 1};
    lab->life = (struct life){.conf = &lab->conf, .key = &lab->key};
    (void)snprintf(path, sizeof(path), "%s/ca.db", lab->directory);
    need(db_open(path, true, &lab->life.db, &e) == 0, &e, path);
}

/* A request as a customer makes it, in DER. */
static struct str new_csr(const char *user, unsigned char **der)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509_REQ *req = X509_REQ_new();
    X509_NAME *name = X509_REQ_get_subject_name(req);
    bool ok = key != NULL &&
              X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
                                         (const unsigned char *)"Example Ltd", -1, -1, 0) == 1 &&
              X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                         (const unsigned char *)user, -1, -1, 0) == 1 &&
              X509_REQ_set_pubkey(req, key) == 1 && X509_REQ_sign(req, key, EVP_sha256()) > 0;
    int n = ok ? i2d_X509_REQ(req, der) : -1;
    need(n > 0, &(struct err){0, "the library cannot"}, "making a request");
    X509_REQ_free(req);
    EVP_PKEY_free(key);
    return (struct str){(const char *)*der, (size_t)n};
}

static void file_one(const struct lab *lab, size_t i)
{
    static const struct actor who = {{"bench", 5}, {"local", 5}};
    char user[64];
    unsigned char *der = NULL;
    struct csr *csr = NULL;
    struct life_id id;
    struct err e = {0};
    (void)snprintf(user, sizeof(user), "user%zu@example.com", i / 2);
    int rc = csr_read(new_csr(user, &der), &csr, &e);
    const struct request_filing f = {
        .csr = csr, .profile = STR("client"), .user = str_of(user), .company = STR("Example Ltd")};
    rc = rc == 0 ? csr_check(csr, &lab->profile, f.user, life_rule(&lab->life), &e) : rc;
    rc = rc == 0 ? request_file(&lab->life, &who, &f, &id, &e) : rc;
    need(rc == 0, &e, "filing");
    csr_free(csr);
    OPENSSL_free(der);
}

static void show_rate(const char *what, size_t n, struct watch t)
{
    (void)printf("%-44s %8.0f /s wall, %8.0f /s CPU (%.1f s)\n", what, (double)n / t.wall_s,
                 (double)n / t.cpu_s, t.wall_s);
    (void)fflush(stdout);
}

static void fill(const struct lab *lab, size_t from, size_t n, bool issued)
{
    struct err e = {0};
    size_t made = 0;
    struct watch w = start();
    set_sync(lab, false);
    for (size_t i = 0; i < n; i++) {
        file_one(lab, from + i);
    }
    show_rate("made, read, checked, filed (not synced)", n, since(w));
    if (issued) {
        w = start();
        need(issue_all(&lab->life, &made, &e) == 0, &e, "issuing");
        show_rate("issued (not synced)", made, since(w));
    }
    set_sync(lab, true);
}

static void measure_issuing(const struct lab *lab)
{
    struct err e = {0};
    size_t made = 0;
    fill(lab, lab->certificates, lab->measured, false);
    struct watch w = start();
    need(issue_all(&lab->life, &made, &e) == 0 && made == lab->measured, &e, "issuing");
    show_rate("issued, as it is done", made, since(w));
}

static bool count(void *arg, const struct record *r)
{
    *(size_t *)arg += r->certificate.n > 0 ? 1 : 0;
    return true;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure_list(const struct lab *lab, const char *what, const struct record_query *q)
{
    double ms[LOOKS];
    struct err e = {0};
    size_t n = 0;
    for (size_t i = 0; i < LOOKS; i++) {
        struct watch w = start();
        n = 0;
        need(record_each(&lab->life, q, count, &n, &e) == 0, &e, what);
        ms[i] = since(w).wall_s * 1e3;
    }
    qsort(ms, LOOKS, sizeof(ms[0]), compare);
    (void)printf("%-44s %8.2f ms median, %8.2f ms most (%zu rows)\n", what, ms[LOOKS / 2],
                 ms[LOOKS - 1], n);
}

static void measure_lists(const struct lab *lab)
{
    static const enum life_state issued = LIFE_ISSUED;
    static const enum life_state pending = LIFE_PENDING;
    int64_t now_ms = clock_wall_ms();
    const struct {
        const char *what;
        struct record_query q;
    } rows[] = {
        {"list: newest", {.limit = LIMIT}},
        {"list: from the middle", {.limit = LIMIT, .after = (int64_t)lab->certificates / 2}},
        {"list: issued", {.limit = LIMIT, .state = &issued}},
        {"list: pending, of which there are none", {.limit = LIMIT, .state = &pending}},
        {"list: one user", {.limit = LIMIT, .user = STR("user7@example.com")}},
        {"list: one user, issued",
         {.limit = LIMIT, .user = STR("user7@example.com"), .state = &issued}},
        {"list: a user who has none", {.limit = LIMIT, .user = STR("nobody@example.com")}},
        {"list: soonest to end",
         {.limit = LIMIT,
          .expires_before_ms = now_ms + INT64_C(86400000) * (DAYS + 1),
          .after = now_ms}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        measure_list(lab, rows[i].what, &rows[i].q);
    }
}

struct serials {
    char (*v)[48];
    size_t n;
};

static bool take_serial(void *arg, const struct record *r)
{
    struct serials *s = arg;
    (void)snprintf(s->v[s->n++], sizeof(s->v[0]), "%.*s", STR_ARG(r->serial));
    return true;
}

static void withdraw_all(const struct lab *lab)
{
    static const struct actor who = {{"bench", 5}, {"local", 5}};
    static const enum life_state issued = LIFE_ISSUED;
    struct serials s = {mem_calloc(1000, sizeof(s.v[0])), 1};
    struct err e = {0};
    size_t n = 0;
    need(s.v != NULL, &(struct err){0, "no memory"}, "withdrawing");
    set_sync(lab, false);
    struct watch w = start();
    while (s.n > 0) {
        const struct record_query q = {.limit = 1000, .state = &issued};
        s.n = 0;
        need(record_each(&lab->life, &q, take_serial, &s, &e) == 0, &e, "looking");
        for (size_t i = 0; i < s.n; i++) {
            need(withdraw(&lab->life, &who, str_of(s.v[i]), WITHDRAW_SUPERSEDED, &e) == 0, &e,
                 "withdrawing");
        }
        n += s.n;
    }
    show_rate("withdrawn (not synced)", n, since(w));
    set_sync(lab, true);
    mem_free(s.v);
}

static void measure_crl(const struct lab *lab)
{
    struct err e = {0};
    struct audit_entry last;
    bool made = false;
    char path[4096];
    withdraw_all(lab);
    struct watch w = start();
    need(crl_renew(&lab->life, 3600000, &made, &e) == 0 && made, &e, "the revocation list");
    w = since(w);
    (void)printf("%-44s %8.2f s wall, %8.2f s CPU\n", "revocation list of all, made and kept",
                 w.wall_s, w.cpu_s);
    w = start();
    (void)snprintf(path, sizeof(path), "%s/ca.crl", lab->directory);
    need(crl_write(&lab->life, path, &e) == 0, &e, path);
    w = since(w);
    (void)printf("%-44s %8.2f s wall, %8.2f s CPU\n", "and written to a file as PEM", w.wall_s,
                 w.cpu_s);
    w = start();
    need(audit_verify(lab->life.db, &last, &e) == 0, &e, "the record");
    show_rate("entries of the record verified", (size_t)last.seq, since(w));
}

static size_t number(const char *text)
{
    uint64_t n = 0;
    if (!str_to_u64(str_of(text), &n) || n == 0 || n > 10000000) {
        (void)fputs(usage, stderr);
        exit(2);
    }
    return (size_t)n;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"certificates", required_argument, NULL, 'c'},
                                            {"issue", required_argument, NULL, 'i'},
                                            {"keep", no_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    struct lab lab = {.certificates = CERTIFICATES, .measured = MEASURED};
    int which = 0;
    while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (which) {
        case 'c':
            lab.certificates = number(optarg);
            break;
        case 'i':
            lab.measured = number(optarg);
            break;
        case 'k':
            lab.keep = true;
            break;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    if (argc - optind != 1) {
        (void)fputs(usage, stderr);
        return 2;
    }
    lab.directory = argv[optind];
    open_lab(&lab);
    fill(&lab, 0, lab.certificates, true);
    measure_issuing(&lab);
    measure_lists(&lab);
    if (!lab.keep) {
        measure_crl(&lab);
    }
    db_close(lab.life.db);
    ca_key_fini(&lab.key);
    return 0;
}
