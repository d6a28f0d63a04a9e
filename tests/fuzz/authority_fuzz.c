/* fuzz: proxy/http */
/* Authorities and targets: what is let in is put together again from its parts, holds nothing that
 * could mean something else further on, and survives being reduced from absolute-form. */
#include <stdlib.h>

#include "proxy/http/target.h"

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_authority(struct str text)
{
    struct str host;
    struct str port;
    if (!http_authority_parse(text, &host, &port)) {
        demand(host.n == 0 && port.n == 0);
        return;
    }
    demand(host.n > 0 && host.p == text.p);
    demand(host.n == text.n || text.p[host.n] == ':');
    demand(host.n + port.n == text.n || host.n + 1 + port.n == text.n);
    for (size_t i = 0; i < text.n; i++) {
        demand(text.p[i] > ' ' && text.p[i] < 0x7f && strchr("@/\\?#,;\"'<>%", text.p[i]) == NULL);
        demand(i == 0 || text.p[i] != '.' || text.p[i - 1] != '.');
    }
}

static void check_target(struct str text, struct arena *a)
{
    struct target t;
    if (target_parse(text, HTTP_METHOD_GET, a, &t) != REASON_OK) {
        return;
    }
    demand(t.text.n > 0 && t.text.p[0] == '/');
    demand(str_eq(str_slice(t.text, 0, t.path.n), t.path) && str_chr(t.path, '?') == STR_NPOS);
    demand(t.path.n == t.text.n || t.text.p[t.path.n] == '?');
    check_authority(t.authority);
    struct target again;
    demand(target_parse(t.text, HTTP_METHOD_GET, a, &again) == REASON_OK);
    demand(str_eq(again.text, t.text) && str_eq(again.path, t.path) && again.authority.n == 0);
}

static void check_absolute(struct str authority, struct arena *a)
{
    struct str host;
    struct str port;
    struct target t;
    struct str text = arena_printf(a, "http://%.*s/x", STR_ARG(authority));
    bool is_cut = str_chr(authority, '/') != STR_NPOS || str_chr(authority, '?') != STR_NPOS ||
                  str_chr(authority, '\0') != STR_NPOS;
    if (!is_cut) {
        demand(http_authority_parse(authority, &host, &port) ==
               (target_parse(text, HTTP_METHOD_GET, a, &t) == REASON_OK));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct str text = {(const char *)data, size};
    if (size > 4096) {
        return 0;
    }
    arena_init(&a, 1 << 16);
    check_authority(text);
    check_target(text, &a);
    check_absolute(text, &a);
    arena_release(&a);
    return 0;
}
