/* Owns: changing one user in an htpasswd file without losing anything. Leaves replacing the file to
 * rewrite. Command line only. */
#include <errno.h>

#include "auth/store/htpasswd.h"
#include "auth/store/htpasswd_line.h"
#include "auth/store/pwhash.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rewrite.h"

/* One change under way. */
struct change {
    enum htpasswd_change what;
    struct str name;
    struct str hash;
    const char *path; /* symbolic links resolved */
};

static int check_input(const struct change *c, struct err *e)
{
    const char *fault = htpasswd_name_fault(c->name);
    if (fault != NULL) {
        return err_set(e, ERR_MALFORMED, "%s", fault);
    }
    if (c->what != HTPASSWD_DELETE && pwhash_kind(c->hash) == PWHASH_UNKNOWN) {
        return err_set(e, ERR_MALFORMED, "not a password hash that is accepted");
    }
    return 0;
}

static int append_entry(const struct change *c, struct buf *out, struct str end)
{
    int rc = buf_append(out, c->name);
    rc = rc == 0 ? buf_append(out, STR(":")) : rc;
    rc = rc == 0 ? buf_append(out, c->hash) : rc;
    return rc == 0 ? buf_append(out, end) : rc;
}

/* Copy every line of old but c's user's, whose first is replaced in place; *found: how many. */
static int copy_lines(const struct change *c, struct str old, struct buf *out, size_t *found)
{
    int rc = 0;
    struct str rest = old;
    while (rest.n > 0 && rc == 0) {
        struct str line = STR_NONE;
        struct str name = STR_NONE;
        struct str hash = STR_NONE;
        bool ended = str_cut(rest, '\n', &line, &rest);
        if (htpasswd_is_comment(line) || !str_cut(line, ':', &name, &hash) ||
            !str_eq(name, c->name)) {
            rc = buf_append(out, line);
            rc = rc == 0 && ended ? buf_append(out, STR("\n")) : rc;
            continue;
        }
        if ((*found)++ == 0 && c->what == HTPASSWD_REPLACE) {
            rc = append_entry(c, out, str_ends(line, STR("\r")) ? STR("\r\n") : STR("\n"));
        }
    }
    return rc;
}

static int make_new(const struct change *c, struct str old, struct buf *out, struct err *e)
{
    size_t found = 0;
    int rc = copy_lines(c, old, out, &found);
    if (rc == 0 && c->what == HTPASSWD_ADD) {
        if (found > 0) {
            return err_set(e, ERR_EXISTS, "%s: there is already a user \"%.*s\"", c->path,
                           STR_ARG(c->name));
        }
        if (buf_len(out) > 0 && !str_ends(buf_str(out), STR("\n"))) {
            rc = buf_append(out, STR("\n"));
        }
        rc = rc == 0 ? append_entry(c, out, STR("\n")) : rc;
    } else if (rc == 0 && found == 0) {
        return err_set(e, ERR_NOT_FOUND, "%s: there is no user \"%.*s\"", c->path,
                       STR_ARG(c->name));
    }
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "%s: out of memory", c->path);
}

int htpasswd_change(const char *path, enum htpasswd_change what, struct str name, struct str hash,
                    struct err *e)
{
    struct change c = {.what = what, .name = name, .hash = hash};
    struct rewrite *file = NULL;
    struct buf new;
    buf_init(&new, REWRITE_MAX);
    int rc = check_input(&c, e);
    rc = rc == 0 ? rewrite_open(&file, path, e) : rc;
    if (rc == 0) {
        c.path = rewrite_path(file);
        rc = rewrite_exists(file) || what == HTPASSWD_ADD
                 ? make_new(&c, rewrite_old(file), &new, e)
                 : err_set_errno(e, ERR_NOT_FOUND, ENOENT, "%s", c.path);
    }
    rc = rc == 0 ? rewrite_put(file, buf_str(&new), e) : rc;
    buf_wipe(&new);
    rewrite_close(file);
    return rc;
}
