/* Owns: boundaries, and the heads of parts. */
#include "ca/pages/multipart.h"

#include <stdbool.h>
#include <string.h>

#define BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */
#define HEAD_MAX     1024

static int malformed(struct err *e, const char *what)
{
    return err_set(e, ERR_MALFORMED, "the form %s", what);
}

static bool is_boundary(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              strchr("'()+_,-./:=?", c) != NULL) ||
            c == '\0') {
            return false;
        }
    }
    return s.n > 0 && s.n <= BOUNDARY_MAX;
}

static bool is_quoted(struct str s)
{
    return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"';
}

static struct str unquote(struct str s)
{
    return is_quoted(s) ? str_slice(s, 1, s.n - 1) : s;
}

/* Cut off the text before mark; false: it is not there. */
static bool cut_at(struct str s, struct str mark, struct str *head, struct str *rest)
{
    const char *at = s.n > 0 ? memmem(s.p, s.n, mark.p, mark.n) : NULL;
    if (at == NULL) {
        return false;
    }
    size_t n = (size_t)(at - s.p);
    *head = str_slice(s, 0, n);
    *rest = str_slice(s, n + mark.n, s.n);
    return true;
}

/* What is known of a part from its head. */
struct part {
    struct str name; /* p NULL: none */
    bool file;
};

/* form-data; name="csr"; filename="a.csr": browsers put no quote into either (they write %22), so a
 * quoted text ends at the next quote. */
static int read_disposition(struct str s, struct part *p, struct err *e)
{
    struct str kind;
    (void)str_cut(s, ';', &kind, &s);
    if (p->name.p != NULL || !str_ieq(str_trim(kind), STR("form-data"))) {
        return malformed(e, "has a part that is no field");
    }
    while ((s = str_trim(s)).n > 0) {
        struct str key;
        struct str value;
        if (!str_cut(s, '=', &key, &s) || s.n == 0 || s.p[0] != '"' ||
            !str_cut(str_slice(s, 1, s.n), '"', &value, &s)) {
            return malformed(e, "has a part with a disposition that cannot be read");
        }
        if (str_ieq(key, STR("name")) && p->name.p == NULL) {
            p->name = value;
        } else if (str_ieq(key, STR("filename")) && !p->file) {
            p->file = true;
        } else {
            return malformed(e, "has a part with a disposition that cannot be read");
        }
        s = str_trim(s);
        if (s.n > 0 && s.p[0] != ';') {
            return malformed(e, "has a part with a disposition that cannot be read");
        }
        s = str_slice(s, 1, s.n);
    }
    return 0;
}

static int read_head(struct str head, struct part *p, struct err *e)
{
    int rc = 0;
    bool more = head.n > 0;
    if (head.n > HEAD_MAX) {
        return err_set(e, ERR_TOO_LARGE, "the form has a part with a head that is too long");
    }
    while (rc == 0 && more) {
        struct str line;
        struct str name;
        struct str value;
        more = cut_at(head, STR("\r\n"), &line, &head);
        line = more ? line : head;
        if (!str_cut(line, ':', &name, &value)) {
            return malformed(e, "has a part with a head that cannot be read");
        }
        if (str_ieq(name, STR("Content-Disposition"))) {
            rc = read_disposition(value, p, e);
        } else if (str_ieq(name, STR("Content-Transfer-Encoding"))) {
            rc = malformed(e, "has a part in a transfer encoding, which forms do not have");
        }
    }
    return rc == 0 && p->name.p == NULL ? malformed(e, "has a part without a name") : rc;
}

static int read_part(struct str text, struct form *f, struct err *e)
{
    struct str head;
    struct str value;
    struct part p = {.file = false};
    if (!cut_at(text, STR("\r\n\r\n"), &head, &value)) {
        return malformed(e, "has a part without a head");
    }
    int rc = read_head(head, &p, e);
    if (rc == 0 && !p.file && (!str_is_utf8(value) || str_chr(value, '\0') != STR_NPOS)) {
        rc = malformed(e, "has a text that is not UTF-8, or has a NUL");
    }
    return rc == 0 ? form_add(f, p.name, value, e) : rc;
}

int multipart_read(struct str parameters, struct str body, struct form *f, struct err *e)
{
    char mark_text[BOUNDARY_MAX + 4] = "\r\n--";
    struct str key;
    struct str boundary;
    (void)str_cut(str_trim(parameters), '=', &key, &boundary);
    boundary = unquote(str_trim(boundary));
    if (!str_ieq(str_trim(key), STR("boundary")) || !is_boundary(boundary)) {
        return malformed(e, "says no boundary between its parts");
    }
    memcpy(mark_text + 4, boundary.p, boundary.n);
    struct str mark = {mark_text, boundary.n + 4};
    if (!str_starts(body, str_slice(mark, 2, mark.n))) {
        return malformed(e, "does not begin with its boundary");
    }
    body = str_slice(body, mark.n - 2, body.n);
    int rc = 0;
    while (rc == 0 && str_starts(body, STR("\r\n"))) {
        struct str part;
        if (!cut_at(str_slice(body, 2, body.n), mark, &part, &body)) {
            return malformed(e, "ends inside a part");
        }
        rc = read_part(part, f, e);
    }
    if (rc == 0 && !str_eq(body, STR("--\r\n")) && !str_eq(body, STR("--"))) {
        rc = malformed(e, "does not end with its boundary");
    }
    return rc;
}
