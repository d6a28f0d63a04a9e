/* countersign store: copies of the CA's database. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ca/audit.h"
#include "ca/restored.h"
#include "cli/ca_open.h"
#include "cli/cli.h"

static const char usage_text[] =
    "usage: countersign store backup|restore [-c CONFIG] FILE\n"
    "\n"
    "  backup   copy the CA's database to FILE, which must not exist; the CA may be at work\n"
    "  restore  make the CA's database of the copy in FILE; there must be none, and the CA must "
    "not\n"
    "           run. The copy is looked through first, the record of it verified\n"
    "\n"
    "  -c, --config CONFIG    the configuration (default " LOADED_DEFAULT_PATH ")\n"
    "\n"
    "A copy holds no key: keep ca.key apart.\n"
    "\n"
    "Exit status: 0 done, 1 not done, 2 wrong usage.\n";

static int complain(const struct err *e)
{
    (void)fprintf(stderr, "countersign store: %s\n", e->text);
    return 1;
}

static int check(struct db *db, struct err *e)
{
    struct audit_entry last;
    int rc = db_check(db, e);
    rc = rc == 0 ? audit_verify(db, &last, e) : rc;
    return rc == 0 ? audit_verify_whole(db, e) : rc;
}

/* From a database to a new file; both are sound when this returns 0. */
static int copy(struct db *from, const char *to, struct err *e)
{
    struct db *made = NULL;
    int rc = db_backup(from, to, e);
    if (rc != 0) {
        return rc;
    }
    rc = db_open(to, false, &made, e);
    rc = rc == 0 ? check(made, e) : rc;
    db_close(made);
    if (rc != 0) {
        (void)unlink(to);
    }
    return rc;
}

static int backup(const char *config, const char *file, struct err *e)
{
    struct ca_open open;
    int rc = ca_open(&open, config, CA_OPEN_DATABASE, e);
    rc = rc == 0 ? copy(open.life.db, file, e) : rc;
    ca_close(&open);
    return rc;
}

/* What the proxies were told since the copy was made holds in it too. */
static int catch_up(const struct loaded *loaded, struct db *db, struct err *e)
{
    const struct conf *conf = loaded->conf;
    const struct life life = {.db = db, .conf = &conf->ca, .rule = &conf->identity};
    struct ca_operator here;
    struct str denied = STR_NONE;
    char until[CLOCK_RFC3339_LEN + 1] = "-";
    struct audit_entry last;
    size_t n = 0;
    int rc = ca_operator_here(&here, e);
    rc = rc == 0 ? audit_verify(db, &last, e) : rc;
    if (rc == 0 && conf->revocation.deny.n > 0) {
        rc = files_read(loaded->files, conf->revocation.deny.v[0].p, &denied, e);
    }
    rc = rc == 0 ? restored_catch_up(&life, &here.self.who, denied, &n, e) : rc;
    if (rc == 0) {
        clock_rfc3339(last.at_ms, until);
        (void)printf("The copy knows what happened until %s (entry %lld of the record).\n"
                     "Withdrawn since, as the deny list says: %zu. What was issued since is not in "
                     "it:\n"
                     "withdraw by fingerprint (countersign cert withdraw) what must not be good "
                     "any more.\n",
                     until, (long long)last.seq, n);
    }
    return rc;
}

static int restore_to(const struct loaded *loaded, struct db *from, struct err *e)
{
    const char *path = loaded->conf->ca.store.p;
    struct db *made = NULL;
    int rc = copy(from, path, e);
    if (rc != 0) {
        return rc;
    }
    rc = db_open(path, false, &made, e);
    rc = rc == 0 ? catch_up(loaded, made, e) : rc;
    db_close(made);
    if (rc != 0) {
        (void)unlink(path); /* a copy that has not caught up is not to be served */
    }
    return rc;
}

static int restore(const char *config, const char *file, struct err *e)
{
    struct loaded loaded;
    struct db *from = NULL;
    int rc = loaded_open(&loaded, config) == 0
                 ? 0
                 : err_set(e, ERR_CONFIG, "the configuration has errors");
    if (rc == 0 && loaded.conf->ca.store.p == NULL) {
        rc = err_set(e, ERR_CONFIG, "%s: names no ca.store", config);
    }
    rc = rc == 0 ? db_open(file, false, &from, e) : rc;
    rc = rc == 0 ? check(from, e) : rc;
    rc = rc == 0 ? restore_to(&loaded, from, e) : rc;
    db_close(from);
    loaded_close(&loaded);
    return rc;
}

int store_main(int argc, char **argv)
{
    struct err e = {0};
    const char *config;
    int status = loaded_options(argc, argv, usage_text, &config);
    if (status >= 0) {
        return status;
    }
    if (argc - optind == 2 && strcmp(argv[optind], "backup") == 0) {
        return backup(config, argv[optind + 1], &e) == 0 ? 0 : complain(&e);
    }
    if (argc - optind == 2 && strcmp(argv[optind], "restore") == 0) {
        return restore(config, argv[optind + 1], &e) == 0 ? 0 : complain(&e);
    }
    (void)fprintf(stderr, "countersign store: backup or restore is needed, and one file\n\n%s",
                  usage_text);
    return 2;
}
