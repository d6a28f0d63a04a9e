/* fuzz: proxy/tls */
/* The server_name extension, octets of any stranger: what is accepted is one name of host octets,
 * lies within the extension, and written down again gives the same octets. */
#include <stdlib.h>
#include <string.h>

#include "proxy/tls/hello.h"
#include "proxy/tls/site_inner.h"

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void put_length(char out[2], size_t n)
{
    out[0] = (char)(n >> 8);
    out[1] = (char)(n & 0xff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char again[5 + SITE_NAME_MAX] = {0};
    struct str extension = {(const char *)data, size};
    struct str name = STR_NONE;
    if (!hello_name(extension, &name)) {
        return 0;
    }
    demand(tls_sites_is_name(name));
    demand(name.p == extension.p + 5 && name.n == extension.n - 5);
    put_length(again, name.n + 3);
    put_length(again + 3, name.n);
    memcpy(again + 5, name.p, name.n);
    demand(str_eq(extension, (struct str){again, 5 + name.n}));
    return 0;
}
