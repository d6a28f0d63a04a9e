/* Owns: what a change makes of a deny file's text. Leaves the file to base/rewrite, a line to
 * deny_line. Command line only. */
#include "auth/revoke/deny_change.h"

#include "base/rewrite.h"

/* One change under way. */
struct change {
    const char *path;
    const struct deny_entry *entry;
    const struct deny_names *names;
    int64_t before_s;
    size_t found;
    size_t final; /* of the found, those that stay */
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
        if (read_entry(line, &entry) && drop(c, &entry)) {
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

static bool count_same(struct change *c, const struct deny_entry *entry)
{
    c->found += is_same(c, entry) ? 1 : 0;
    return false;
}

static int add(struct change *c, struct str old, struct buf *out, struct err *e)
{
    int rc = copy_lines(c, old, out, count_same);
    if (rc == 0 && c->found > 0) {
        return err_set(e, ERR_EXISTS, "%s: withdrawn already", c->path);
    }
    if (rc == 0 && buf_len(out) > 0 && !str_ends(buf_str(out), STR("\n"))) {
        rc = buf_append(out, STR("\n"));
    }
    rc = rc == 0 ? deny_line_write(c->entry, out) : rc;
    return rc == 0 ? 0 : out_of_memory(c, e);
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
static int apply(struct change *c, const char *path, bool make,
                 int (*fn)(struct change *c, struct str old, struct buf *out, struct err *e),
                 struct err *e)
{
    struct rewrite *file = NULL;
    struct buf new;
    buf_init(&new, REWRITE_MAX);
    c->path = path;
    int rc = rewrite_open(&file, path, e);
    if (rc == 0 && !make && !rewrite_exists(file)) {
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
    struct change c = {.entry = entry, .names = names};
    return apply(&c, path, true, add, e);
}

int deny_change_remove(const char *path, const struct deny_entry *entry,
                       const struct deny_names *names, struct err *e)
{
    struct change c = {.entry = entry, .names = names};
    return apply(&c, path, false, take_out, e);
}

int deny_change_prune(const char *path, int64_t before_s, size_t *dropped, struct err *e)
{
    struct change c = {.before_s = before_s};
    int rc = apply(&c, path, false, prune, e);
    *dropped = rc == 0 ? c.found : 0;
    return rc > 0 ? 0 : rc;
}
