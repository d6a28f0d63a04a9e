/* fuzz: auth/revoke
 * Lines of deny files: what is read can be written and is read again as the same; the glance at a
 * line never lets the entry go by that stands in it; no field is longer than it may be. */
#include <stdlib.h>
#include <string.h>

#include "auth/revoke/deny_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_texts(const struct deny_entry *e)
{
    size_t n = strlen(e->serial);
    demand(e->kind < DENY_KIND_COUNT && e->reason < DENY_NOT_LISTED);
    demand(n <= DENY_SERIAL_MAX && n % 2 == 0 && strspn(e->serial, "0123456789ABCDEF") == n);
    demand((e->kind == DENY_SERIAL) == (n > 0));
    demand((e->kind == DENY_USER) == (e->user[0] != '\0'));
    demand(strlen(e->user) <= 255 && str_is_utf8(str_of(e->user)));
    demand(strlen(e->subject) <= DENY_TEXT_MAX && strlen(e->issuer_name) <= DENY_TEXT_MAX);
}

static bool same(const struct deny_entry *a, const struct deny_entry *b)
{
    return deny_entry_same(a, b) && a->reason == b->reason && a->date_s == b->date_s &&
           a->until_s == b->until_s && strcmp(a->subject, b->subject) == 0 &&
           strcmp(a->issuer_name, b->issuer_name) == 0;
}

static void check_again(const struct deny_entry *e)
{
    struct buf out;
    struct deny_entry again;
    struct deny_fault fault;
    buf_init(&out, 16384);
    demand(deny_line_write(e, &out) == 0);
    struct str line = buf_str(&out);
    demand(str_ends(line, STR("\n")));
    line.n--;
    demand(str_chr(line, '\n') == STR_NPOS && !deny_line_is_blank(line));
    demand(deny_line_read(line, &again, &fault));
    demand(same(e, &again));
    demand(deny_line_may_be(line, e));
    buf_release(&out);
}

static void check_line(struct str line, struct deny_entry *last, bool *have_last)
{
    struct deny_entry e;
    struct deny_fault fault = {0};
    if (deny_line_is_blank(line)) {
        return;
    }
    if (!deny_line_read(line, &e, &fault)) {
        demand(fault.what != NULL);
        demand(fault.column >= 1 && fault.column <= line.n + 1);
        return;
    }
    check_texts(&e);
    check_again(&e);
    demand(deny_line_may_be(line, &e));
    demand(!*have_last || !deny_entry_same(&e, last) || deny_line_may_be(line, last));
    *last = e;
    *have_last = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct deny_entry last;
    bool have_last = false;
    struct str rest = {(const char *)data, size};
    struct str line = STR_NONE;
    while (rest.n > 0) {
        (void)str_cut(rest, '\n', &line, &rest);
        check_line(line, &last, &have_last);
    }
    return 0;
}
