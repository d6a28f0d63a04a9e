/* Owns: what a change makes of a deny file's text. Leaves the file to base/rewrite, a line to
 * deny_line. Command line only. */
#include "auth/revoke/deny_change.h"

#include "base/rewrite.h"

enum { LINE_MAX_OCTETS = 16384 };

/* One change under way. */
struct change {
    const char *path;
    const struct deny_entry *entry;
    const struct deny_names *names;
    int64_t before_s;
    size_t found;
    size_t final; /* of the found, those that stay */
    bool held;    /* the one that look_at() found is a hold, and the new one is for good */
};

static int out_of_memory(const struct change *c, struct err *e)
{
    return err_set(e, ERR_NOMEM, "%s: out of memory", c->path);
}

/* True if line holds an entry; other lines, faulty ones too, are none of a change's business. */
static bool read_entry(struct str line, struct deny_entry *entry)
{
    struct deny_fault fault;
    return !deny_line_is_blank(line) && deny_line_read(line, entry, &fault);
}

/* Copy the lines of old for which drop says no. */
static int copy_lines(struct change *c, struct str old, struct buf *out,
                      bool (*drop)(struct change *c, const struct deny_entry *entry))
{
    int rc = 0;
    struct str rest = old;
    while (rest.n > 0 && rc == 0) {
        struct deny_entry entry;
        struct str line = STR_NONE;
        bool ended = str_cut(rest, '\n', &line, &rest);
        bool may_be = c->entry == NULL || deny_line_may_be(line, c->entry);
        if (may_be && read_entry(line, &entry) && drop(c, &entry)) {
            continue;
        }
        rc = buf_append(out, line);
        rc = rc == 0 && ended ? buf_append(out, STR("\n")) : rc;
    }
    return rc;
}

/* True if both withdraw the same thing. */
static bool is_same(const struct change *c, const struct deny_entry *entry)
{
    char a[sizeof(entry->user)];
    char b[sizeof(entry->user)];
    size_t a_n = 0;
    size_t b_n = 0;
    if (deny_entry_same(entry, c->entry)) {
        return true;
    }
    return entry->kind == DENY_USER && c->entry->kind == DENY_USER &&
           c->names->normal(str_of(entry->user), c->names->rule, a, &a_n) &&
           c->names->normal(str_of(c->entry->user), c->names->rule, b, &b_n) &&
           str_eq((struct str){a, a_n}, (struct str){b, b_n});
}

/* A hold that becomes a withdrawal for good; a user's entry can always be taken back. */
static bool is_hold_ended(const struct change *c, const struct deny_entry *entry)
{
    return entry->kind != DENY_USER && entry->reason == DENY_CERTIFICATE_HOLD &&
           c->entry->reason != DENY_CERTIFICATE_HOLD;
}

static bool is_old_hold(struct change *c, const struct deny_entry *entry)
{
    return is_same(c, entry) && is_hold_ended(c, entry);
}

/* Goes on as long as the entry was not found. */
static bool look_at(void *arg, struct str line)
{
    struct change *c = arg;
    struct deny_entry entry;
    bool same = deny_line_may_be(line, c->entry) && read_entry(line, &entry) && is_same(c, &entry);
    c->found += same ? 1 : 0;
    c->held = same && is_hold_ended(c, &entry);
    return !same;
}

static int already(const struct change *c, struct err *e)
{
    return err_set(e, ERR_EXISTS, "%s: withdrawn already", c->path);
}

/* Where the file cannot be appended to, or a hold in it is over: all of it anew. */
static int add_anew(struct change *c, struct str line, struct err *e)
{
    struct rewrite *file = NULL;
    struct buf new;
    buf_init(&new, REWRITE_MAX);
    int rc = rewrite_open(&file, c->path, e);
    if (rc == 0) {
        struct str old = rewrite_old(file);
        rc = copy_lines(c, old, &new, is_old_hold);
        rc = rc == 0 && buf_len(&new) > 0 && !str_ends(buf_str(&new), STR("\n"))
                 ? buf_append(&new, STR("\n"))
                 : rc;
        rc = rc == 0 ? buf_append(&new, line) : rc;
        rc = rc == 0 ? rewrite_put(file, buf_str(&new), e) : out_of_memory(c, e);
    }
    buf_release(&new);
    rewrite_close(file);
    return rc;
}

/* A long list takes its time already to be read; nothing else of it is moved. */
static int add(struct change *c, struct str line, struct err *e)
{
    struct rewrite *file = NULL;
    struct err why = {0};
    int rc = rewrite_scan(&file, c->path, look_at, c, e);
    if (rc != 0) {
        return rc;
    }
    if (!rewrite_exists(file)) {
        rewrite_close(file);
        return err_set(e, ERR_NOT_FOUND,
                       "%s: there is no such file; put it back if it was lost, as a new one would "
                       "let in again who stood in it; make an empty one if nothing is withdrawn",
                       c->path);
    }
    if (c->found > 0) {
        rewrite_close(file);
        return c->held ? add_anew(c, line, e) : already(c, e);
    }
    rc = rewrite_append(file, line, '#', &why);
    rewrite_close(file);
    if (rc == -ERR_NOT_FOUND || rc == -ERR_DENIED) {
        return add_anew(c, line, e);
    }
    return rc == 0 ? 0 : err_set(e, why.code, "%s", why.text);
}

static bool take_back(struct change *c, const struct deny_entry *entry)
{
    if (!is_same(c, entry)) {
        return false;
    }
    bool final = entry->kind != DENY_USER && entry->reason != DENY_CERTIFICATE_HOLD;
    c->found++;
    c->final += final ? 1 : 0;
    return !final;
}

static int take_out(struct change *c, struct str old, struct buf *out, struct err *e)
{
    if (copy_lines(c, old, out, take_back) != 0) {
        return out_of_memory(c, e);
    }
    if (c->found == 0) {
        return err_set(e, ERR_NOT_FOUND, "%s: not withdrawn there", c->path);
    }
    if (c->final > 0) {
        return err_set(e, ERR_DENIED,
                       "%s: withdrawn for good: only the reason certificateHold can be taken back",
                       c->path);
    }
    return 0;
}

static bool is_over(struct change *c, const struct deny_entry *entry)
{
    bool over = entry->until_s < c->before_s;
    c->found += over ? 1 : 0;
    return over;
}

static int prune(struct change *c, struct str old, struct buf *out, struct err *e)
{
    if (copy_lines(c, old, out, is_over) != 0) {
        return out_of_memory(c, e);
    }
    return c->found > 0 ? 0 : 1;
}

/* Read the file under its lock and put what fn makes of it in its place. fn returns 0, 1 to leave
 * the file as it is, or a negative err_code with e. */
static int apply(struct change *c, const char *path,
                 int (*fn)(struct change *c, struct str old, struct buf *out, struct err *e),
                 struct err *e)
{
    struct rewrite *file = NULL;
    struct buf new;
    buf_init(&new, REWRITE_MAX);
    c->path = path;
    int rc = rewrite_open(&file, path, e);
    if (rc == 0 && !rewrite_exists(file)) {
        rc = err_set(e, ERR_NOT_FOUND, "%s: there is no such file", path);
    }
    rc = rc == 0 ? fn(c, rewrite_old(file), &new, e) : rc;
    rc = rc == 0 ? rewrite_put(file, buf_str(&new), e) : rc;
    buf_release(&new);
    rewrite_close(file);
    return rc;
}

int deny_change_add(const char *path, const struct deny_entry *entry,
                    const struct deny_names *names, struct err *e)
{
    struct change c = {.path = path, .entry = entry, .names = names};
    struct buf line;
    buf_init(&line, LINE_MAX_OCTETS);
    int rc = deny_line_write(entry, &line);
    rc = rc == 0 ? add(&c, buf_str(&line), e) : out_of_memory(&c, e);
    buf_release(&line);
    return rc;
}

int deny_change_remove(const char *path, const struct deny_entry *entry,
                       const struct deny_names *names, struct err *e)
{
    struct change c = {.entry = entry, .names = names};
    return apply(&c, path, take_out, e);
}

int deny_change_prune(const char *path, int64_t before_s, size_t *dropped, struct err *e)
{
    struct change c = {.before_s = before_s};
    int rc = apply(&c, path, prune, e);
    *dropped = rc == 0 ? c.found : 0;
    return rc > 0 ? 0 : rc;
}
