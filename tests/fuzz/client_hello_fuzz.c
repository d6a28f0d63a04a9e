/* fuzz: proxy/tls
 * ClientHellos: what is read lies within the message, lists are whole, and a message that was cut
 * is not taken for one. */
#include <stdlib.h>
#include <string.h>

#include "proxy/tls/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_within(struct str whole, struct str part)
{
    demand(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void check_list(struct str whole, struct str list)
{
    check_within(whole, list);
    demand(list.n >= 2 && list.n % 2 == 0);
}

static void check(struct str body, const struct client_hello *h)
{
    static const unsigned groups[] = {GROUP_X25519, GROUP_P256};
    struct str share = STR_NONE;
    check_list(body, h->suites);
    check_list(body, h->groups);
    check_list(body, h->schemes);
    check_within(body, h->session_id);
    check_within(body, h->shares);
    check_within(body, h->name);
    check_within(body, h->alpn);
    check_within(body, h->identity);
    check_within(body, h->binder);
    demand(h->session_id.n <= 32 && h->binders_n <= body.n);
    demand((h->identity.n > 0) == (h->binder.n > 0) && (h->binder.n > 0) == (h->binders_n > 0));
    unsigned group = client_hello_share(h, groups, 2, &share);
    demand(group == 0 || (share.n > 0 && client_hello_lists(h->groups, group)));
    check_within(body, share);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client_hello h;
    struct str body = {(const char *)data, size};
    if (!client_hello_read(body, &h)) {
        return 0;
    }
    check(body, &h);
    char *cut = malloc(size);
    demand(cut != NULL);
    memcpy(cut, data, size - 1);
    demand(!client_hello_read((struct str){cut, size - 1}, &h));
    free(cut);
    return 0;
}
