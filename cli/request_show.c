/* Owns: requests as a table, as lines, and as the API shows them. */
#include "cli/request_show.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ca/compare.h"
#include "ca/csr.h"
#include "ca/record_json.h"
#include "ca/records.h"
#include "ca/withdraw.h"
#include "cli/request_handover.h"

#define PAGE     1000
#define JSON_MAX 1048576

static void date_of(int64_t ms, char out[CLOCK_RFC3339_LEN + 1])
{
    out[0] = '-';
    out[1] = '\0';
    if (ms > 0) {
        clock_rfc3339(ms, out);
        memcpy(out + 19, "Z", 2); /* to the second */
    }
}

static void print_row(const struct record *r)
{
    char filed[CLOCK_RFC3339_LEN + 1];
    char ends[CLOCK_RFC3339_LEN + 1];
    date_of(r->filed_ms, filed);
    date_of(r->not_after_ms, ends);
    (void)printf("%-22.*s  %-9s  %u/%-3u  %-20s  %-20s  %.*s\n", STR_ARG(r->id),
                 life_state_name(r->state), r->approvals, r->approvals_needed, filed, ends,
                 STR_ARG(r->user));
}

static void print_csr(const struct record *r)
{
    struct csr *csr = NULL;
    char key[24];
    if (r->csr.n > 0 && csr_read(r->csr, &csr, NULL) == 0) {
        csr_key_name(csr, key);
        (void)printf("subject      %s\nkey          %s, SHA-256 ", csr->subject, key);
        for (size_t i = 0; i < sizeof(csr->spki); i++) {
            (void)printf("%02x", csr->spki[i]);
        }
        (void)printf("\n");
    }
    csr_free(csr);
}

/* What is new against the last certificate of the same user. */
static void print_difference(const struct life *l, const struct record *r)
{
    static struct comparison c;
    if (compare_last(l, r, &c, NULL) != 0) {
        (void)puts("difference   cannot be told");
        return;
    }
    if (!c.any_before) {
        (void)puts("difference   this is the user's first certificate");
        return;
    }
    (void)printf("difference   to %s (%s): %s\n", c.before.text, life_state_name(c.before_state),
                 c.changed == 0 ? "none" : "");
    for (size_t i = 0; i < COMPARE_COUNT; i++) {
        const struct compare_field *f = &c.fields[i];
        if (f->changed) {
            (void)printf("  %-12s %s\n  %12s was %s\n", compare_words((enum compare_name)i),
                         f->now[0] != '\0' ? f->now : "none", "",
                         f->before[0] != '\0' ? f->before : "none");
        }
    }
}

static void print_withdrawn(const struct record *r)
{
    char text[CLOCK_RFC3339_LEN + 1];
    const char *reason = withdraw_reason_name(r->withdrawn_reason);
    bool held = r->state == LIFE_WITHDRAWN && r->withdrawn_reason == WITHDRAW_HOLD;
    if (reason != NULL) {
        date_of(r->withdrawn_ms, text);
        (void)printf("withdrawn    %s, %s%s\n", text, reason,
                     held ? ": on hold, which can be lifted" : "");
    }
}

static bool print_lines(void *arg, const struct record *r)
{
    char text[CLOCK_RFC3339_LEN + 1];
    (void)printf("id           %.*s\nstate        %s\nprofile      %.*s\nuser         %.*s\n"
                 "company      %.*s\nfiled by     %.*s from %.*s\n",
                 STR_ARG(r->id), life_state_name(r->state), STR_ARG(r->profile), STR_ARG(r->user),
                 STR_ARG(r->company), STR_ARG(r->requester), STR_ARG(r->origin));
    date_of(r->filed_ms, text);
    (void)printf("filed        %s\nagreements   %u of %u\n", text, r->approvals,
                 r->approvals_needed);
    print_csr(r);
    print_difference(arg, r);
    if (r->denied_reason.n > 0) {
        (void)printf("denied       %.*s\n", STR_ARG(r->denied_reason));
    }
    if (r->renews.n > 0) {
        (void)printf("renews       %.*s\n", STR_ARG(r->renews));
    }
    if (r->serial.n > 0) {
        date_of(r->not_after_ms, text);
        (void)printf("serial       %.*s\ngood until   %s\n", STR_ARG(r->serial), text);
    }
    print_withdrawn(r);
    return true;
}

static bool print_decision(void *arg, const struct record_decision *d)
{
    char text[CLOCK_RFC3339_LEN + 1];
    (void)arg;
    date_of(d->at_ms, text);
    (void)printf("%s  %.*s, %s\n", d->agreed ? "agreed     " : "refused    ",
                 STR_ARG(d->operator_name), text);
    return true;
}

/* A walk that prints as it goes. */
struct listing {
    const struct life *life;
    bool json;
    struct buf text;
    size_t told;
    size_t limit; /* 0: none */
    bool more;
    int64_t last;
    size_t seen; /* of this page */
    int rc;
};

static bool print_record(void *arg, const struct record *r)
{
    struct listing *l = arg;
    l->seen++;
    if (l->limit > 0 && l->told == l->limit) {
        l->more = true;
        return false;
    }
    if (l->json) {
        buf_clear(&l->text);
        l->rc = record_json(l->life, r, false, &l->text);
        (void)printf("%s%.*s\n", l->told > 0 ? "," : "", STR_ARG(buf_str(&l->text)));
    } else {
        print_row(r);
    }
    l->told++;
    l->last = r->cursor;
    return l->rc == 0;
}

static int walk(const struct life *life, struct record_query *q, struct listing *l, struct err *e)
{
    int rc = 0;
    do {
        l->seen = 0;
        rc = record_each(life, q, print_record, l, e);
        q->after = l->last;
    } while (rc == 0 && l->rc == 0 && !l->more && l->seen == q->limit);
    return rc == 0 && l->rc != 0 ? err_set(e, ERR_NOMEM, "out of memory") : rc;
}

int request_show_list(const struct life *life, const struct request_show_wish *w, struct err *e)
{
    struct record_query q = {
        .state = w->state, .user = w->user, .after = (int64_t)w->after, .limit = PAGE};
    struct listing l = {.life = life, .json = w->json, .limit = w->limit};
    buf_init(&l.text, JSON_MAX);
    if (w->json) {
        (void)puts("{\"requests\":[");
    } else {
        (void)printf("%-24s  %-9s  %-5s  %-20s  %-20s  %s\n", "ID", "STATE", "AGREE", "FILED",
                     "GOOD UNTIL", "USER");
    }
    int rc = walk(life, &q, &l, e);
    if (w->json && l.more) {
        (void)printf("],\"next\":%lld}\n", (long long)l.last);
    } else if (w->json) {
        (void)puts("],\"next\":null}");
    }
    buf_release(&l.text);
    return rc;
}

struct single {
    const struct life *life;
    struct buf text;
    int rc;
};

static bool take_json(void *arg, const struct record *r)
{
    struct single *s = arg;
    s->rc = record_json(s->life, r, true, &s->text);
    return false;
}

static int show_json(const struct life *life, struct str id, struct err *e)
{
    struct single s = {.life = life};
    buf_init(&s.text, JSON_MAX);
    int rc = record_show(life, id, take_json, &s, e);
    if (rc == 0 && s.rc != 0) {
        rc = err_set(e, (enum err_code) - s.rc, "%s", err_name(s.rc));
    }
    if (rc == 0) {
        (void)printf("%.*s\n", STR_ARG(buf_str(&s.text)));
    }
    buf_release(&s.text);
    return rc;
}

int request_show(const struct life *life, struct str id, bool json, struct err *e)
{
    if (json) {
        return show_json(life, id, e);
    }
    int rc = record_show(life, id, print_lines, (void *)(uintptr_t)life, e);
    rc = rc == 0 ? record_decisions(life, id, print_decision, NULL, e) : rc;
    return rc == 0 ? request_handover_messages(life, id, e) : rc;
}
