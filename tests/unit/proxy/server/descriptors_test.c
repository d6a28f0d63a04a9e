/* proxy/server/descriptors.c: what is left to clients. */
#include <sys/resource.h>

#include "proxy/server/descriptors.h"
#include "tests/support/check.h"

static const struct row {
    const char *says;
    uint64_t limit;
    size_t listeners;
    size_t servers;           /* of the first group; the second has one */
    uint32_t connections_max; /* of both */
    uint64_t wanted;
} rows[] = {
    {"few to upstreams: all others are for clients", 20000, 1, 1, 1024, 20000 - 68 - 2048},
    {"each server counts", 20000, 1, 3, 1024, 20000 - 68 - 4096},
    {"each listener counts", 20000, 101, 1, 1024, 20000 - 468 - 2048},
    {"many to upstreams: as many for clients", 20000, 1, 1, 65535, 9966},
    {"an odd one is for clients", 20001, 1, 1, 65535, 9967},
    {"little is shared: half of it for the worker", 60, 1, 1, 1024, 15},
    {"nearly nothing", 4, 1, 1, 1, 1},
    {"nothing", 0, 1, 1, 1, 0},
    {"no bound", RLIM_INFINITY, 1, 1, 1024, RLIM_INFINITY - 68 - 2048},
    {"the most of everything", RLIM_INFINITY, 1, 3, UINT32_MAX,
     RLIM_INFINITY - 68 - 4 * (uint64_t)UINT32_MAX},
};

static void test_clients_share(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct conf_upstream groups[2] = {
            {.server_count = r->servers, .connections_max = r->connections_max},
            {.server_count = 1, .connections_max = r->connections_max}};
        const struct conf conf = {
            .listener_count = r->listeners, .upstreams = groups, .upstream_count = 2};
        uint64_t got = descriptors_for_clients(&conf, r->limit);
        if (got != r->wanted) {
            fail_msg("%s: %llu, not %llu", r->says, (unsigned long long)got,
                     (unsigned long long)r->wanted);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
