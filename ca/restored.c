/* Owns: what an older copy cannot know. Leaves withdrawing to withdraw, and telling to publish and
 * crl. */
#include "ca/restored.h"

#include <stdio.h>

#include "auth/revoke/deny_line.h"
#include "base/clock.h"
#include "ca/withdraw.h"

static const struct db_values none = {NULL, 0};

struct named {
    bool found;
    bool expired;
    int reason; /* of its withdrawal; less than 0: it is not withdrawn */
    char serial[DENY_SERIAL_MAX + 1];
};

static int take_named(void *arg, const struct db_row *r)
{
    struct named *n = arg;
    n->found = true;
    n->reason = (int)db_number(r, 1);
    n->expired = db_number(r, 2) == LIFE_EXPIRED;
    (void)snprintf(n->serial, sizeof(n->serial), "%.*s", STR_ARG(db_octets(r, 0)));
    return 0;
}

/* Two reasons of the list are none of a client's certificate. */
static int reason_of(enum deny_reason listed)
{
    int reason = withdraw_reason_of(str_of(deny_reason_name(listed)));
    return reason >= 0 ? reason : WITHDRAW_UNSPECIFIED;
}

/* Whether the list says more than the copy: a hold may have become a withdrawal for good. */
static bool is_news(const struct named *n, int reason)
{
    return !n->expired &&
           (n->reason < 0 || (n->reason == WITHDRAW_HOLD && reason != WITHDRAW_HOLD));
}

/* Its date; 0: not told. */
static int64_t date_ms_of(const struct deny_entry *d)
{
    return d->date_s > 0 && d->date_s < INT64_MAX / 1000 ? d->date_s * 1000 : 0;
}

static int catch_up_one(const struct life *l, const struct actor *who, const struct deny_entry *d,
                        size_t *withdrawn, struct err *e)
{
    struct named n = {.found = false};
    struct str fingerprint = {(const char *)d->fingerprint, DENY_DIGEST};
    int rc = db_query(l->db,
                      "SELECT c.serial, c.withdrawn_reason, r.state FROM certificate c "
                      "JOIN request r ON r.id = c.request WHERE c.fingerprint = ?1",
                      DB_VALUES(DB_BLOB(fingerprint)), take_named, &n, e);
    if (rc != 0 || !n.found) {
        return rc;
    }
    if (is_news(&n, reason_of(d->reason))) {
        const struct withdraw_wish w = {.serial = str_of(n.serial),
                                        .reason = reason_of(d->reason),
                                        .detail = "the copy is older than that",
                                        .at_ms = date_ms_of(d)};
        rc = withdraw_now(l, who, &w, e);
        *withdrawn += rc == 0 ? 1 : 0;
    }
    return rc == 0 ? db_query(l->db, "UPDATE certificate SET published = 1 WHERE serial = ?1",
                              DB_VALUES(DB_TEXT(str_of(n.serial))), NULL, NULL, e)
                   : rc;
}

static int catch_up(const struct life *l, const struct actor *who, struct str denied,
                    size_t *withdrawn, struct err *e)
{
    struct str line;
    int rc = db_query(l->db, "UPDATE certificate SET published = 0 WHERE published = 1", none, NULL,
                      NULL, e);
    /* Numbers of lists must not fall (RFC 5280 5.2.3). No second has had two of them. */
    rc = rc == 0 ? db_query(l->db, "UPDATE crl SET number = max(number, ?1), changes = -1",
                            DB_VALUES(DB_NUMBER(clock_wall_ms() / 1000)), NULL, NULL, e)
                 : rc;
    while (rc == 0 && denied.n > 0) {
        struct deny_entry d;
        struct deny_fault fault;
        (void)str_cut(denied, '\n', &line, &denied);
        if (!deny_line_is_blank(line) && deny_line_read(line, &d, &fault) &&
            d.kind == DENY_FINGERPRINT) {
            rc = catch_up_one(l, who, &d, withdrawn, e);
        }
    }
    return rc;
}

int restored_catch_up(const struct life *l, const struct actor *who, struct str denied,
                      size_t *withdrawn, struct err *e)
{
    *withdrawn = 0;
    int rc = db_begin(l->db, e);
    rc = rc == 0 ? db_end(l->db, catch_up(l, who, denied, withdrawn, e), e) : rc;
    *withdrawn = rc == 0 ? *withdrawn : 0;
    return rc;
}
