/* Owns: one scalar into its place in the model: type, bounds, form. Not: the walk (read.c). One
 * thread a call. */
#include "conf/read_value.h"

#include <stdio.h>

#include "base/addr.h"
#include "base/err.h"
#include "conf/keys_text.h"
#include "conf/syntax.h"
#include "conf/value.h"

static void expected(struct reader *r, const struct reader_value *v, const char *what)
{
    char shown[VALUE_QUOTE_MAX];
    reader_complain(r, v->at, NULL, "expected %s, found %s", what, value_quote(v->text, shown));
}

static const char *choice_of(const char *const *choices, struct str text, unsigned *index)
{
    for (unsigned i = 0; choices[i] != NULL; i++) {
        if (str_eq(text, str_of(choices[i]))) {
            *index = i;
            return choices[i];
        }
    }
    return NULL;
}

static void read_choice(struct reader *r, const struct key *k, const struct reader_value *v,
                        void *object)
{
    unsigned index = 0;
    if (choice_of(k->choices, v->text, &index) != NULL) {
        memcpy(object, &index, sizeof(index));
        return;
    }
    char what[256] = "";
    char help[128];
    size_t n = 0;
    for (; k->choices[n] != NULL; n++) {
        size_t used = strlen(what);
        const char *before = n == 0 ? "" : k->choices[n + 1] == NULL ? " or " : ", ";
        (void)snprintf(what + used, sizeof(what) - used, "%s%s", before, k->choices[n]);
    }
    char shown[VALUE_QUOTE_MAX];
    const char *near = diag_nearest(v->text, k->choices, n);
    if (near != NULL) {
        (void)snprintf(help, sizeof(help), "Did you mean \"%s\"?", near);
    }
    reader_complain(r, v->at, near != NULL ? help : NULL, "expected %s, found %s", what,
                    value_quote(v->text, shown));
}

static void read_bool(struct reader *r, const struct key *k, const struct reader_value *v,
                      bool *object)
{
    const char *what = value_bool(v->text, object);
    if (what != NULL) {
        expected(r, v, what);
    } else if (*object && str_starts(str_of(k->name), STR("insecure_"))) {
        diag_add(r->diags, DIAG_WARNING, v->at, r->path, NULL, "weakens a check: %s", k->meaning);
    }
}

static const char *parse_number(const struct key *k, struct str text, uint64_t *out)
{
    if (k->type == KEY_DURATION) {
        return value_duration(text, out);
    }
    if (k->type == KEY_SIZE || k->type == KEY_SIZE_32) {
        return value_size(text, out);
    }
    return k->type == KEY_MODE ? value_mode(text, out) : value_count(text, out);
}

static void read_number(struct reader *r, const struct key *k, const struct reader_value *v,
                        void *object)
{
    uint64_t number = 0;
    const char *what = parse_number(k, v->text, &number);
    if (what != NULL) {
        expected(r, v, what);
        return;
    }
    bool fits = (number >= k->min && number <= k->max) || (number == 0 && k->zero_ok);
    if (!fits) {
        char min[VALUE_TEXT_MAX];
        char max[VALUE_TEXT_MAX];
        char shown[VALUE_QUOTE_MAX];
        reader_complain(r, v->at, NULL, "expected %s%s to %s, found %s", k->zero_ok ? "0, or " : "",
                        keys_number_text(k, k->min, min), keys_number_text(k, k->max, max),
                        value_quote(v->text, shown));
        return;
    }
    if (k->type == KEY_SIZE) {
        memcpy(object, &number, sizeof(number));
    } else {
        uint32_t small = (uint32_t)number;
        memcpy(object, &small, sizeof(small));
    }
}

/* A path that is there, or else one of that name in the credentials directory. */
static const char *find_file(struct reader *r, const char *absolute, struct str given)
{
    const char *credentials = r->base->credentials;
    if (credentials == NULL || str_starts(given, STR("/")) || files_exists(r->files, absolute)) {
        return absolute;
    }
    const char *other = arena_printf(&r->draft->arena, "%s/%.*s", credentials, STR_ARG(given)).p;
    return other != NULL && files_exists(r->files, other) ? other : absolute;
}

static const char *read_path(struct reader *r, const struct key *k, const struct reader_value *v)
{
    const char *path = reader_absolute(&r->draft->arena, r->base, v->at.file, v->text);
    if (path == NULL) {
        r->nomem = true;
        return NULL;
    }
    if (k->type == KEY_FILE || k->type == KEY_FILES) {
        path = find_file(r, path, v->text);
    }
    if (k->max > 0 && strlen(path) > k->max) {
        reader_complain(r, v->at, NULL, "the path is longer than %llu octets",
                        (unsigned long long)k->max);
    }
    return path;
}

static const char *fold(struct reader *r, struct str text)
{
    char *p = reader_alloc(r, text.n + 1, 1);
    for (size_t i = 0; p != NULL && i < text.n; i++) {
        p[i] = str_lower(text.p[i]);
    }
    return p;
}

/* "file:/a", "file:///a" and "file://localhost/a" are the path /a (RFC 8089); p NULL: of another
 * host, or not from the root. */
static struct str path_of_uri(struct str text)
{
    struct str path = str_slice(text, sizeof("file:") - 1, text.n);
    if (str_starts(path, STR("//"))) {
        path = str_slice(path, 2, path.n);
        struct str host = STR("localhost");
        path = str_ieq(str_slice(path, 0, host.n), host) ? str_slice(path, host.n, path.n) : path;
    }
    return str_starts(path, STR("/")) ? path : (struct str){NULL, 0};
}

/* True if v is taken as the URI of a key that is in no file; of one that is, v becomes the path.
 * Its text is never repeated: there may be a PIN in it. */
static bool read_uri(struct reader *r, struct reader_value *v, struct conf_text *out)
{
    size_t scheme = syntax_scheme(v->text);
    if (scheme == 0) {
        return false;
    }
    char *p = reader_alloc(r, v->text.n + 1, 1);
    if (p == NULL) {
        return true;
    }
    memcpy(p, v->text.p, v->text.n);
    for (size_t i = 0; i < scheme; i++) {
        p[i] = str_lower(p[i]);
    }
    struct str uri = {p, v->text.n};
    bool file = str_starts(uri, STR("file:"));
    const char *wrong = syntax_key_uri(uri);
    if (file) {
        v->text = path_of_uri(uri);
        wrong = v->text.p != NULL ? NULL : "a file: URI is written as file:/etc/server.key";
    } else if (str_starts(uri, SYNTAX_PKCS11)) {
        wrong = syntax_pkcs11(uri);
    }
    if (wrong != NULL) {
        reader_complain(r, v->at, NULL, "%s", wrong);
        return true;
    }
    out->p = file ? NULL : p;
    return !file;
}

/* A text or path of a row into out. */
static void read_text(struct reader *r, const struct key *k, const struct reader_value *v,
                      struct conf_text *out)
{
    unsigned index = 0;
    bool word = k->type == KEY_OUTPUT && choice_of(k->choices, v->text, &index) != NULL;
    bool path =
        k->type == KEY_FILE || k->type == KEY_FILES || k->type == KEY_PATH || k->type == KEY_OUTPUT;
    out->at = v->at;
    if (v->text.n == 0 && !k->empty_ok) {
        reader_complain(r, v->at, NULL, "must not be empty");
        return;
    }
    const char *wrong = k->check != NULL ? k->check(v->text) : NULL;
    if (wrong != NULL) {
        char shown[VALUE_QUOTE_MAX];
        reader_complain(r, v->at, NULL, "%s: %s", value_quote(v->text, shown), wrong);
        return;
    }
    struct reader_value plain = *v;
    if (k->uri && read_uri(r, &plain, out)) {
        return;
    }
    if (path && !word) {
        out->p = read_path(r, k, &plain);
    } else {
        out->p = k->fold ? fold(r, v->text) : v->text.p;
    }
}

/* A Unix socket's path may be relative like any other; "@" would look like an abstract one. */
static struct str whole_address(struct reader *r, const struct reader_value *v)
{
    struct str path = str_slice(v->text, sizeof("unix:") - 1, v->text.n);
    if (!str_starts(v->text, STR("unix:")) || path.n == 0 || path.p[0] == '/' || path.p[0] == '@') {
        return v->text;
    }
    const char *absolute = reader_absolute(&r->draft->arena, r->base, v->at.file, path);
    struct str whole =
        absolute != NULL ? arena_printf(&r->draft->arena, "unix:%s", absolute) : STR_NONE;
    if (whole.p == NULL) {
        r->nomem = true;
        return v->text;
    }
    return whole;
}

void read_value_pair(struct reader *r, const struct key *k, const struct reader_value *v,
                     struct conf_text *out)
{
    read_text(r, k, v, out);
}

/* An address to listen on (to is false) or to connect to. */
static void read_address(struct reader *r, const struct reader_value *v, bool to,
                         struct conf_text *text, struct addr *out)
{
    struct err e = {0};
    enum addr_kind refused = to ? ADDR_SYSTEMD : ADDR_NAME;
    struct str whole = whole_address(r, v);
    *text = (struct conf_text){whole.p, v->at};
    if (addr_parse(whole, false, out, &e) != 0) {
        reader_complain(r, v->at, NULL, "%s", e.text);
        *out = (struct addr){0};
    } else if (out->kind == refused) {
        reader_complain(r, v->at,
                        to ? NULL
                           : "Write 0.0.0.0:PORT or [::]:PORT for every address, "
                             "127.0.0.1:PORT for this machine only.",
                        to ? "a server is named by host:port or unix:/path"
                           : "an IP address is needed to listen on, not a name");
        *out = (struct addr){0};
    }
}

void read_value_scalar(struct reader *r, const struct key *k, const struct reader_value *v,
                       void *base)
{
    void *object = (char *)base + k->offset;
    switch (k->type) {
    case KEY_BOOL:
        read_bool(r, k, v, object);
        break;
    case KEY_CHOICE:
        read_choice(r, k, v, object);
        break;
    case KEY_COUNT:
    case KEY_DURATION:
    case KEY_SIZE_32:
    case KEY_SIZE:
    case KEY_MODE:
        read_number(r, k, v, object);
        break;
    case KEY_LISTEN:
        read_address(r, v, false, object, (struct addr *)(void *)((char *)base + k->second));
        break;
    case KEY_TEXT:
    case KEY_FILE:
    case KEY_PATH:
    case KEY_OUTPUT:
        read_text(r, k, v, object);
        break;
    case KEY_TEXTS:
    case KEY_FILES:
    case KEY_SERVERS:
    case KEY_RANGES:
    case KEY_PAIRS:
    case KEY_SECTION:
    case KEY_LIST:
    case KEY_MAP:
    default:
        break;
    }
}

/* Size of one entry of a list row. */
static size_t item_size(const struct key *k)
{
    size_t size = sizeof(struct conf_text);
    if (k->type == KEY_SERVERS) {
        size = sizeof(struct conf_server);
    }
    if (k->type == KEY_RANGES) {
        size = sizeof(struct addr_range);
    }
    return size;
}

bool read_value_list_begin(struct reader *r, const struct key *k, size_t count, void *base)
{
    void *items = reader_alloc(r, count, item_size(k));
    if (items == NULL) {
        return false;
    }
    if (k->type == KEY_SERVERS || k->type == KEY_RANGES) {
        memcpy((char *)base + k->offset, &items, sizeof(items));
        memcpy((char *)base + k->second, &count, sizeof(count));
    } else {
        struct conf_texts list = {items, count};
        memcpy((char *)base + k->offset, &list, sizeof(list));
    }
    return true;
}

void read_value_list_item(struct reader *r, const struct key *k, const struct reader_value *v,
                          size_t i, void *base)
{
    void *items = NULL;
    memcpy(&items, (char *)base + k->offset, sizeof(items));
    if (k->type == KEY_SERVERS) {
        struct conf_server *server = (struct conf_server *)items + i;
        read_address(r, v, true, &server->text, &server->address);
    } else if (k->type == KEY_RANGES) {
        struct err e = {0};
        if (addr_range_parse(v->text, (struct addr_range *)items + i, &e) != 0) {
            reader_complain(r, v->at, NULL, "%s", e.text);
        }
    } else {
        read_text(r, k, v, (struct conf_text *)items + i);
    }
}
