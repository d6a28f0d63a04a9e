/* fuzz: proxy/http */
/* The guard: the first octet picks the kind. Its verdict must not depend on how the octets are cut,
 * and what it lets in must pass a second, simpler reading. */
#include <stdlib.h>

#include "proxy/http/guard.h"

struct outcome {
    enum guard_result result;
    enum reason why;
    size_t used;
};

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct outcome run(enum guard_kind kind, struct str octets, size_t step)
{
    struct guard g;
    struct outcome out = {.result = GUARD_MORE, .why = REASON_OK};
    guard_init(&g, kind, 512, 8, 64);
    while (out.result == GUARD_MORE && out.used < octets.n) {
        size_t used = 0;
        out.result = guard_feed(&g, str_slice(octets, out.used, out.used + step), &used, &out.why);
        out.used += used;
    }
    return out;
}

/* Every line ends in CRLF and nothing else, the last one is empty, none begins with a blank. */
static void read_again(enum guard_kind kind, struct str head)
{
    size_t line = 0;
    if (kind == GUARD_REQUEST && str_starts(head, STR("\r\n"))) {
        head = str_slice(head, 2, head.n);
    }
    demand(str_ends(head, STR("\r\n")));
    for (size_t i = 0; i < head.n; i++) {
        char c = head.p[i];
        demand(c != '\0' && c != 0x7f);
        demand(c != '\r' || (i + 1 < head.n && head.p[i + 1] == '\n'));
        demand(c != '\n' || (i > 0 && head.p[i - 1] == '\r'));
        demand(i != line || (c != ' ' && c != '\t' && c != ':'));
        if (c == '\n') {
            demand((i - line == 1) == (i + 1 == head.n));
            line = i + 1;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    enum guard_kind kind = (enum guard_kind)(data[0] % 3);
    struct str octets = {(const char *)data + 1, size - 1};
    struct outcome whole = run(kind, octets, size);
    struct outcome single = run(kind, octets, 1);
    struct outcome some = run(kind, octets, 1 + data[0] / 3);
    demand(whole.result == single.result && whole.why == single.why);
    demand(whole.result == some.result && whole.why == some.why);
    demand(whole.used == single.used && whole.used == some.used);
    if (whole.result == GUARD_DONE) {
        read_again(kind, str_slice(octets, 0, whole.used));
    }
    return 0;
}
