/* Owns: how failures are counted and what follows. Leaves the memory to slots. A value is the time
 * of the last failure in milliseconds of the monotonic clock, which is the same in all processes
 * and which no change of the date moves, and below it the number of failures in 8 bits. An attempt
 * under way is a key of its own, its value the time of its beginning. Any thread. */
#include "auth/lockout.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "base/enc.h"
#include "base/mem.h"

#define FAILURES_BITS 8
#define FAILURES_MAX  UINT64_C(255)
#define ATTEMPT_MS    10000 /* longer than this nothing is under way: its worker may have died */

/* What stands beside a count. */
enum note_word { NOTE_USER = 0, NOTE_ORIGIN, NOTE_KIND, NOTE_NAME };

/* Bits of NOTE_KIND. */
enum kind { KIND_CERTIFICATE = 1, KIND_CODE = 2, KIND_ATTEMPT = 4 };

_Static_assert((SLOTS_NOTE_WORDS - NOTE_NAME) * sizeof(uint64_t) >= LOCKOUT_NAME_MAX + 1,
               "a note holds the name and its end");

struct lockout {
    struct slots *slots;
};

struct count {
    uint64_t at_ms;
    uint64_t failures;
};

struct lockout *lockout_new(size_t entries)
{
    struct lockout *l = mem_calloc(1, sizeof(*l));
    if (l == NULL) {
        return NULL;
    }
    l->slots = slots_new(entries);
    if (l->slots == NULL) {
        mem_free(l);
        return NULL;
    }
    return l;
}

void lockout_free(struct lockout *l)
{
    if (l != NULL) {
        slots_free(l->slots);
        mem_free(l);
    }
}

/* Whom a failure would be that of. */
static struct str name_of(const struct lockout_who *who)
{
    return who->certificate != NULL && who->compared ? who->own : who->claimed;
}

uint64_t lockout_key(const struct lockout *l, const struct lockout_who *who,
                     enum lockout_factor factor)
{
    struct str parts[4] = {[3] = factor == LOCKOUT_CODE ? STR("code") : STR("password")};
    if (who->certificate == NULL) {
        parts[0] = STR("network");
        parts[1] = (struct str){(const char *)&who->network, sizeof(who->network)};
        parts[2] = who->claimed;
    } else {
        bool own = who->own.n > 0 && str_eq(who->own, who->claimed);
        parts[0] = STR("certificate");
        parts[1] = (struct str){(const char *)who->certificate, 32};
        parts[2] = who->compared && !own ? STR(":") : who->claimed;
    }
    return slots_key(l->slots, parts, 4);
}

static uint64_t user_key(const struct lockout *l, struct str normal)
{
    const struct str parts[] = {STR("user"), normal};
    return slots_key(l->slots, parts, 2);
}

/* What is still remembered. A clock that went back takes nothing away. */
static struct count recall(const struct conf_lockout *rule, uint64_t value, uint64_t mono_ms)
{
    struct count c = {value >> FAILURES_BITS, value & FAILURES_MAX};
    if (mono_ms > c.at_ms && mono_ms - c.at_ms > rule->forget_ms) {
        c.failures = 0;
    }
    return c;
}

static uint64_t value_of(uint64_t mono_ms, uint64_t failures)
{
    uint64_t latest = SLOTS_VALUE_MAX >> FAILURES_BITS;
    return (mono_ms < latest ? mono_ms : latest) << FAILURES_BITS |
           (failures < FAILURES_MAX ? failures : FAILURES_MAX);
}

/* How long the last failure is to be waited out. */
static uint64_t delay_of(const struct conf_lockout *rule, uint64_t failures)
{
    if (failures < rule->failures) {
        return 0;
    }
    uint64_t doublings = failures - rule->failures;
    uint64_t delay = doublings < 32 ? (uint64_t)rule->delay_ms << doublings : UINT64_MAX;
    return delay < rule->delay_max_ms ? delay : rule->delay_max_ms;
}

/* What is left of it. */
static uint64_t wait_of(const struct conf_lockout *rule, struct count c, uint64_t mono_ms)
{
    uint64_t delay = delay_of(rule, c.failures);
    uint64_t passed = mono_ms > c.at_ms ? mono_ms - c.at_ms : 0;
    return delay > passed ? delay - passed : 0;
}

uint64_t lockout_wait(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                      uint64_t mono_ms)
{
    return wait_of(rule, recall(rule, slots_read(l->slots, key), mono_ms), mono_ms);
}

uint64_t lockout_count(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                       uint64_t mono_ms)
{
    return recall(rule, slots_read(l->slots, key), mono_ms).failures;
}

struct question {
    const struct conf_lockout *rule;
    uint64_t mono_ms;
    uint64_t wait_ms;
};

static bool change_take(void *arg, uint64_t before, uint64_t *after)
{
    struct question *q = arg;
    struct count c = recall(q->rule, before, q->mono_ms);
    q->wait_ms = wait_of(q->rule, c, q->mono_ms);
    *after = value_of(q->mono_ms, c.failures + 1);
    return q->wait_ms == 0;
}

static bool change_give_back(void *arg, uint64_t before, uint64_t *after)
{
    (void)arg;
    uint64_t failures = before & FAILURES_MAX;
    *after = failures > 1 ? before - 1 : 0;
    return failures > 0;
}

static bool change_keep(void *arg, uint64_t before, uint64_t *after)
{
    const struct question *q = arg;
    *after = value_of(q->mono_ms, 1);
    return recall(q->rule, before, q->mono_ms).failures == 0;
}

static void write_note(const struct lockout *l, const struct lockout_failure *of,
                       uint64_t note[SLOTS_NOTE_WORDS])
{
    const struct lockout_who *who = of->who;
    struct str name = name_of(who);
    note[NOTE_USER] = user_key(l, name);
    note[NOTE_KIND] = (who->certificate != NULL ? KIND_CERTIFICATE : 0) |
                      (of->factor == LOCKOUT_CODE ? KIND_CODE : 0);
    if (who->certificate != NULL) {
        memcpy(&note[NOTE_ORIGIN], who->certificate, sizeof(note[NOTE_ORIGIN]));
    } else {
        note[NOTE_ORIGIN] = who->network;
    }
    /* A certificate's own name was proven by the certificate. */
    if ((of->known || (who->certificate != NULL && who->compared)) && name.n > 0) {
        memcpy(&note[NOTE_NAME], name.p, name.n < LOCKOUT_NAME_MAX ? name.n : LOCKOUT_NAME_MAX);
    }
}

static bool count(struct lockout *l, uint64_t key, const struct lockout_failure *of,
                  slots_change_fn change, struct question *q)
{
    uint64_t note[SLOTS_NOTE_WORDS] = {0};
    write_note(l, of, note);
    return slots_change(l->slots, key, change, q, note);
}

uint64_t lockout_take(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                      const struct lockout_failure *of)
{
    struct question q = {.rule = rule, .mono_ms = of->mono_ms};
    if (key == 0 || count(l, key, of, change_take, &q)) {
        return 0;
    }
    /* The table did not come to rest: others try with the same key at this moment. */
    return q.wait_ms != 0 ? q.wait_ms : delay_of(rule, rule->failures);
}

void lockout_give_back(struct lockout *l, uint64_t key)
{
    (void)slots_change(l->slots, key, change_give_back, NULL, NULL);
}

void lockout_keep(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                  const struct lockout_failure *of)
{
    struct question q = {.rule = rule, .mono_ms = of->mono_ms};
    (void)count(l, key, of, change_keep, &q);
}

void lockout_failed(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                    const struct lockout_failure *of)
{
    struct question q = {.rule = rule, .mono_ms = of->mono_ms};
    (void)count(l, key, of, change_take, &q);
}

uint64_t lockout_attempt(const struct lockout *l, uint64_t key, const struct str sent[3])
{
    const struct str parts[] = {
        STR("attempt"), {(const char *)&key, sizeof(key)}, sent[0], sent[1], sent[2]};
    return key != 0 ? slots_key(l->slots, parts, 5) : 0;
}

static bool is_over(uint64_t value, uint64_t mono_ms)
{
    uint64_t at_ms = value >> FAILURES_BITS;
    return value == 0 || (mono_ms > at_ms && mono_ms - at_ms > ATTEMPT_MS);
}

static bool change_begin(void *arg, uint64_t before, uint64_t *after)
{
    const uint64_t *mono_ms = arg;
    *after = value_of(*mono_ms, 1);
    return is_over(before, *mono_ms);
}

bool lockout_begin(struct lockout *l, uint64_t attempt, uint64_t mono_ms)
{
    const uint64_t note[SLOTS_NOTE_WORDS] = {[NOTE_KIND] = KIND_ATTEMPT};
    return attempt == 0 || slots_change(l->slots, attempt, change_begin, &mono_ms, note);
}

bool lockout_begun(struct lockout *l, uint64_t attempt, uint64_t mono_ms)
{
    return attempt != 0 && !is_over(slots_read(l->slots, attempt), mono_ms);
}

void lockout_end(struct lockout *l, uint64_t attempt)
{
    (void)slots_drop(l->slots, attempt);
}

void lockout_passed(struct lockout *l, uint64_t key)
{
    (void)slots_drop(l->slots, key);
}

struct unlocking {
    struct lockout *lockout;
    uint64_t user;
    unsigned n;
};

static void unlock_one(void *arg, uint64_t key, uint64_t value,
                       const uint64_t note[SLOTS_NOTE_WORDS])
{
    struct unlocking *u = arg;
    (void)value;
    if (note[NOTE_USER] == u->user && slots_drop(u->lockout->slots, key)) {
        u->n++;
    }
}

unsigned lockout_unlock(struct lockout *l, struct str normal)
{
    struct unlocking u = {.lockout = l, .user = user_key(l, normal)};
    slots_each(l->slots, unlock_one, &u);
    return u.n;
}

struct listing {
    const struct conf_lockout *rule;
    uint64_t mono_ms;
    unsigned left;
    bool any;
    struct buf *out;
    int rc;
};

/* addr_count_key() backwards: a certificate's first octets, an IPv4 address, or an IPv6 /64. */
static void origin_text(const uint64_t note[SLOTS_NOTE_WORDS], char out[INET6_ADDRSTRLEN])
{
    uint64_t origin = note[NOTE_ORIGIN];
    struct in6_addr six = {0};
    struct in_addr four = {htonl((uint32_t)origin)};
    out[0] = '\0';
    if ((note[NOTE_KIND] & KIND_CERTIFICATE) != 0) {
        enc_hex((const unsigned char *)&origin, sizeof(origin), out);
        out[2 * sizeof(origin)] = '\0';
    } else if (origin == 0) {
        memcpy(out, "local", sizeof("local"));
    } else if (origin <= UINT32_MAX) {
        (void)inet_ntop(AF_INET, &four, out, INET6_ADDRSTRLEN);
    } else {
        for (size_t i = 0; i < 8; i++) {
            six.s6_addr[i] = (uint8_t)(origin >> (56 - 8 * i));
        }
        (void)inet_ntop(AF_INET6, &six, out, INET6_ADDRSTRLEN);
    }
}

static void list_one(void *arg, uint64_t key, uint64_t value, const uint64_t note[SLOTS_NOTE_WORDS])
{
    struct listing *l = arg;
    struct count c = recall(l->rule, value, l->mono_ms);
    char origin[INET6_ADDRSTRLEN];
    char name[LOCKOUT_NAME_MAX + 1];
    (void)key;
    if (c.failures == 0 || l->left == 0 || l->rc != 0 || note[NOTE_KIND] == KIND_ATTEMPT) {
        return;
    }
    l->left--;
    memcpy(name, &note[NOTE_NAME], LOCKOUT_NAME_MAX);
    name[LOCKOUT_NAME_MAX] = '\0';
    origin_text(note, origin);
    l->rc = buf_append(l->out, l->any ? STR(",{\"user\":") : STR("{\"user\":"));
    l->any = true;
    if (l->rc == 0) {
        l->rc = enc_json_string(l->out, str_of(name));
    }
    if (l->rc == 0) {
        l->rc = buf_printf(
            l->out,
            ",\"counted_by\":\"%s\",\"from\":\"%s\",\"factor\":\"%s\",\"failures\":%" PRIu64
            ",\"wait_ms\":%" PRIu64 "}",
            (note[NOTE_KIND] & KIND_CERTIFICATE) != 0 ? "certificate" : "network", origin,
            (note[NOTE_KIND] & KIND_CODE) != 0 ? "code" : "password", c.failures,
            wait_of(l->rule, c, l->mono_ms));
    }
}

int lockout_render(const struct lockout *l, const struct conf_lockout *rule, uint64_t mono_ms,
                   unsigned max, struct buf *out)
{
    struct listing listing = {.rule = rule, .mono_ms = mono_ms, .left = max, .out = out};
    int rc = buf_append(out, STR("["));
    if (rc == 0) {
        slots_each(l->slots, list_one, &listing);
        rc = listing.rc;
    }
    return rc == 0 ? buf_append(out, STR("]")) : rc;
}
