/* fuzz: auth/store
 * htpasswd files: what is read is sorted, found again, of a known kind, and no finding holds more
 * of the file than names. */
#include <stdlib.h>

#include "auth/store/htpasswd.h"
#include "auth/store/pwhash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check(const struct htpasswd *h)
{
    size_t n = 0;
    const struct htpasswd_entry *e = htpasswd_entries(h, &n);
    for (size_t i = 0; i < n; i++) {
        char decoy[PWHASH_MAX + 1];
        demand(i == 0 || str_cmp(e[i - 1].name, e[i].name) < 0);
        demand(htpasswd_find(h, e[i].name) == &e[i]);
        demand(e[i].name.n > 0 && !str_has_control(e[i].name) && str_is_utf8(e[i].name));
        demand(pwhash_kind(e[i].hash) != PWHASH_UNKNOWN);
        demand(pwhash_cost(e[i].hash).n > 0);
        demand(pwhash_decoy(e[i].hash, decoy) == 0);
        demand(str_eq(pwhash_cost(str_of(decoy)), pwhash_cost(e[i].hash)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diags *d = diags_new();
    struct htpasswd *h = NULL;
    int rc = htpasswd_read("users", (struct str){(const char *)data, size}, d, &h);
    demand((h == NULL) == (diags_errors(d) > 0) && (h == NULL) == (rc == -ERR_MALFORMED));
    struct buf out;
    buf_init(&out, (size_t)1 << 24);
    demand(diags_render(d, &out) == 0);
    buf_release(&out);
    if (h != NULL) {
        check(h);
    }
    htpasswd_free(h);
    diags_free(d);
    return 0;
}
