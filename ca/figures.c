/* Owns: what is counted, and how it is called. Thread: the one that serves calls. */
#include "ca/figures.h"

#include <time.h>

#include "base/clock.h"
#include "ca/db.h"
#include "ca/key.h"

/* Each query has one row: a number. ?1 is now, in milliseconds. Times are given in seconds, and 0
 * where there is none. */
static const struct {
    const char *head;
    const char *name;
    const char *query;
} figures[] = {
    {"# HELP countersign_ca_oldest_pending_timestamp_seconds when the request that waits for "
     "operators for longest was filed; 0: none waits\n"
     "# TYPE countersign_ca_oldest_pending_timestamp_seconds gauge\n",
     "countersign_ca_oldest_pending_timestamp_seconds",
     "SELECT coalesce(min(filed_ms), 0) / 1000 FROM request WHERE state = 0 AND ?1"},
    {"# HELP countersign_ca_certificates_total certificates issued or taken in\n"
     "# TYPE countersign_ca_certificates_total counter\n",
     "countersign_ca_certificates_total", "SELECT count(*) FROM certificate WHERE ?1"},
    {"# HELP countersign_ca_certificates_ending certificates in use, not renewed yet, that end "
     "within so many days\n"
     "# TYPE countersign_ca_certificates_ending gauge\n",
     "countersign_ca_certificates_ending{days=\"7\"}",
     "SELECT count(*) FROM certificate c JOIN request r ON r.id = c.request "
     "WHERE r.state BETWEEN 3 AND 5 AND c.not_after_ms BETWEEN ?1 AND ?1 + 604800000"},
    {"", "countersign_ca_certificates_ending{days=\"30\"}",
     "SELECT count(*) FROM certificate c JOIN request r ON r.id = c.request "
     "WHERE r.state BETWEEN 3 AND 5 AND c.not_after_ms BETWEEN ?1 AND ?1 + 2592000000"},
    {"# HELP countersign_ca_certificates_unpublished certificates withdrawn or given back of which "
     "the proxies do not know yet\n"
     "# TYPE countersign_ca_certificates_unpublished gauge\n",
     "countersign_ca_certificates_unpublished",
     "SELECT count(*) FROM certificate WHERE (withdrawn_ms > 0) <> published AND ?1"},
    {"# HELP countersign_ca_crl_next_update_timestamp_seconds until when the revocation list is "
     "good; 0: there is none\n"
     "# TYPE countersign_ca_crl_next_update_timestamp_seconds gauge\n",
     "countersign_ca_crl_next_update_timestamp_seconds",
     "SELECT coalesce(max(next_ms), 0) / 1000 FROM crl WHERE ?1"},
    {"# HELP countersign_ca_messages_given_up messages that were not sent and never will be\n"
     "# TYPE countersign_ca_messages_given_up gauge\n",
     "countersign_ca_messages_given_up", "SELECT count(*) FROM outbox WHERE failed_ms > 0 AND ?1"},
};

static int take_number(void *arg, const struct db_row *r)
{
    *(int64_t *)arg = db_number(r, 0);
    return 0;
}

static int too_long(struct err *e)
{
    return err_set(e, ERR_NOMEM, "out of memory");
}

static int take_state(void *arg, const struct db_row *r)
{
    int64_t *counts = arg;
    int64_t state = db_number(r, 0);
    if (state >= 0 && state < LIFE_STATE_COUNT) {
        counts[state] = db_number(r, 1);
    }
    return 0;
}

static int write_states(const struct life *l, struct buf *out, struct err *e)
{
    int64_t counts[LIFE_STATE_COUNT] = {0};
    int rc = db_query(l->db, "SELECT state, count(*) FROM request GROUP BY state",
                      (struct db_values){NULL, 0}, take_state, counts, e);
    if (rc != 0) {
        return rc;
    }
    if (buf_append(out, STR("# HELP countersign_ca_requests requests, and their certificates, by "
                            "state\n# TYPE countersign_ca_requests gauge\n")) != 0) {
        return too_long(e);
    }
    for (int s = 0; s < LIFE_STATE_COUNT; s++) {
        if (buf_printf(out, "countersign_ca_requests{state=\"%s\"} %lld\n",
                       life_state_name((enum life_state)s), (long long)counts[s]) != 0) {
            return too_long(e);
        }
    }
    return 0;
}

static int write_own_end(const struct life *l, struct buf *out, struct err *e)
{
    struct tm end;
    if (l->key == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(l->key->certificate), &end) != 1) {
        return 0;
    }
    return buf_printf(out,
                      "# HELP countersign_ca_not_after_timestamp_seconds the end of the CA's own "
                      "certificate\n"
                      "# TYPE countersign_ca_not_after_timestamp_seconds gauge\n"
                      "countersign_ca_not_after_timestamp_seconds %lld\n",
                      (long long)timegm(&end)) == 0
               ? 0
               : too_long(e);
}

int figures_write(const struct life *l, struct buf *out, struct err *e)
{
    int rc = write_states(l, out, e);
    for (size_t i = 0; rc == 0 && i < sizeof(figures) / sizeof(figures[0]); i++) {
        int64_t n = 0;
        rc = db_query(l->db, figures[i].query, DB_VALUES(DB_NUMBER(clock_wall_ms())), take_number,
                      &n, e);
        if (rc == 0 &&
            buf_printf(out, "%s%s %lld\n", figures[i].head, figures[i].name, (long long)n) != 0) {
            rc = too_long(e);
        }
    }
    return rc == 0 ? write_own_end(l, out, e) : rc;
}
