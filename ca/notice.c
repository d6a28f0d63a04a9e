/* Owns: who is told when. */
#include "ca/notice.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ca/outbox.h"

#define DAY_MS     INT64_C(86400000)
#define DAYS_COUNT 32  /* different ones */
#define BATCH      256 /* certificates in one transaction; the rest comes the next time */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The soonest first. */
static size_t read_days(const struct conf_texts *before, uint32_t days[DAYS_COUNT])
{
    static const uint32_t usual[] = {1, 7, 14, 30};
    size_t n = 0;
    for (size_t i = 0; i < before->n && n < DAYS_COUNT; i++) {
        uint64_t value = 0;
        if (str_to_u64(str_of(before->v[i].p), &value)) {
            days[n++] = (uint32_t)value;
        }
    }
    if (n == 0) {
        memcpy(days, usual, sizeof(usual));
        return sizeof(usual) / sizeof(usual[0]);
    }
    qsort(days, n, sizeof(days[0]), by_number);
    return n;
}

struct due {
    char serials[BATCH][48];
    struct life_id requests[BATCH];
    size_t n;
};

static int take_due(void *arg, const struct db_row *r)
{
    struct due *d = arg;
    struct str serial = db_octets(r, 0);
    struct str request = db_octets(r, 1);
    if (serial.n >= sizeof(d->serials[0]) || request.n != LIFE_ID_LEN) {
        return -ERR_MALFORMED;
    }
    memcpy(d->serials[d->n], serial.p, serial.n);
    d->serials[d->n][serial.n] = '\0';
    memcpy(d->requests[d->n].text, request.p, request.n);
    d->n++;
    return 0;
}

static int find_due(const struct life *l, uint32_t days, struct due *d, struct err *e)
{
    int64_t now_ms = clock_wall_ms();
    return db_query(l->db,
                    "SELECT c.serial, r.id FROM certificate c JOIN request r ON r.id = c.request "
                    "LEFT JOIN notice o ON o.serial = c.serial "
                    "WHERE c.not_after_ms > ?1 AND c.not_after_ms <= ?1 + ?2 * ?3 AND "
                    "c.not_after_ms - c.not_before_ms >= 2 * ?2 * ?3 AND r.state IN (?4, ?5, ?6) "
                    "AND (o.serial IS NULL OR (o.days > ?2 AND abs(?1 - o.at_ms) >= ?3)) LIMIT ?7",
                    DB_VALUES(DB_NUMBER(now_ms), DB_NUMBER(days), DB_NUMBER(DAY_MS),
                              DB_NUMBER(LIFE_ISSUED), DB_NUMBER(LIFE_DELIVERED),
                              DB_NUMBER(LIFE_ACTIVE), DB_NUMBER(BATCH)),
                    take_due, d, e);
}

static int put(const struct life *l, const struct due *d, size_t i, uint32_t days, struct err *e)
{
    int64_t id = 0;
    int64_t now_ms = clock_wall_ms();
    int rc = outbox_put(l, str_of(d->requests[i].text), MESSAGE_ENDS, now_ms, &id, e);
    return rc == 0 ? db_query(l->db,
                              "INSERT INTO notice (serial, days, at_ms) VALUES (?1, ?2, ?3) "
                              "ON CONFLICT (serial) DO UPDATE SET days = ?2, at_ms = ?3",
                              DB_VALUES(DB_TEXT(str_of(d->serials[i])), DB_NUMBER(days),
                                        DB_NUMBER(now_ms)),
                              NULL, NULL, e)
                   : rc;
}

static int tick_days(const struct life *l, uint32_t days, struct due *d, struct err *e)
{
    d->n = 0;
    int rc = find_due(l, days, d, e);
    if (rc != 0 || d->n == 0) {
        return rc;
    }
    rc = db_begin(l->db, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < d->n && rc == 0; i++) {
        rc = put(l, d, i, days, e);
    }
    return db_end(l->db, rc, e);
}

int notice_tick(const struct life *l, size_t *n, struct err *e)
{
    uint32_t days[DAYS_COUNT];
    static struct due due; /* too large for a stack */
    size_t count = read_days(&l->conf->notify.before, days);
    int rc = 0;
    *n = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = tick_days(l, days[i], &due, e);
        *n += rc == 0 ? due.n : 0;
    }
    return rc;
}
