/* fuzz: bench */
/* The load tool's reader of answers: the first octet says how the others are cut and what was
 * asked. What it says must not depend on the cuts, and it must never take what belongs to the next
 * answer. */
#include <stdlib.h>

#include "bench/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Feeds n octets, step at a time; *taken: how many belong to the answer. */
static enum reply_result feed(struct reply *r, bool head, const char *p, size_t n, size_t step,
                              size_t *taken)
{
    enum reply_result result = REPLY_MORE;
    size_t at = 0;
    reply_init(r, head);
    while (result == REPLY_MORE && at < n) {
        size_t piece = step < n - at ? step : n - at;
        size_t used = 0;
        result = reply_feed(r, p + at, piece, &used);
        demand(used <= piece && (result != REPLY_MORE || used == piece));
        at += used;
    }
    *taken = at;
    return result == REPLY_MORE ? reply_eof(r) : result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reply whole;
    struct reply cut;
    size_t all = 0;
    size_t some = 0;
    if (size == 0) {
        return 0;
    }
    const char *p = (const char *)data + 1;
    bool head = (data[0] & 0x80U) != 0;
    enum reply_result a = feed(&whole, head, p, size - 1, size, &all);
    enum reply_result b = feed(&cut, head, p, size - 1, (data[0] & 0x7fU) % 7 + 1, &some);
    demand(a == b);
    if (a == REPLY_DONE) {
        demand(all == some && whole.status == cut.status && whole.keep == cut.keep &&
               whole.body == cut.body);
        demand(whole.status >= 200 && whole.status <= 599);
    }
    return 0;
}
