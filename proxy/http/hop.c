/* Owns: which fields end at this hop. Not: identity and forwarding fields (auth/headers). Pure. */
#include "proxy/http/hop.h"

static const struct str connection = {"Connection", sizeof("Connection") - 1};

/* The next member of a comma-separated list, trimmed; false at its end. */
static bool next_member(struct str *list, struct str *member)
{
    if (list->n == 0) {
        return false;
    }
    struct str raw;
    (void)str_cut(*list, ',', &raw, list);
    *member = str_trim(raw);
    return true;
}

static bool list_has(struct str list, struct str token)
{
    struct str member;
    while (next_member(&list, &member)) {
        if (str_ieq(member, token)) {
            return true;
        }
    }
    return false;
}

bool hop_connection_has(const struct fields *f, struct str token)
{
    for (size_t i = 0; i < f->n; i++) {
        if (str_ieq(f->v[i].name, connection) && list_has(f->v[i].value, token)) {
            return true;
        }
    }
    return false;
}

/* What a nomination must not take away: it would change what the message is, or whose. */
static bool is_protected(struct str name)
{
    static const struct str content = {"Content-", sizeof("Content-") - 1};
    return str_ieq(name, STR("Host")) || str_ieq(name, STR("Transfer-Encoding")) ||
           str_ieq(str_slice(name, 0, content.n), content);
}

static bool is_hop_by_hop(struct str name)
{
    return str_ieq(name, connection) || str_ieq(name, STR("Keep-Alive")) ||
           str_ieq(name, STR("Proxy-Connection")) || str_ieq(name, STR("Proxy-Authenticate")) ||
           str_ieq(name, STR("Proxy-Authorization")) || str_ieq(name, STR("TE")) ||
           str_ieq(name, STR("Trailer")) || str_ieq(name, STR("Transfer-Encoding")) ||
           str_ieq(name, STR("Upgrade"));
}

static bool drop_hop_by_hop(struct str name, void *arg)
{
    (void)arg;
    return is_hop_by_hop(name);
}

/* The Connection fields stay until the end. While the others move up, each of them is in its old
 * place or already in its new one, so that looking through all of f finds every one. */
static void remove_nominated(struct fields *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++) {
        struct field field = f->v[i];
        bool is_kept = str_ieq(field.name, connection) || is_protected(field.name);
        if (is_kept || !hop_connection_has(f, field.name)) {
            f->v[kept++] = field;
        }
    }
    f->n = kept;
}

void hop_strip(struct fields *f)
{
    if (fields_find(f, connection) != NULL) {
        remove_nominated(f);
    }
    fields_remove_if(f, drop_hop_by_hop, NULL);
}
