/* Which server is next. */
#include "proxy/upstream/balance.h"
#include "tests/support/check.h"

/* Four servers; a letter each: '-' usable, 'a' set aside, 'n' not wanted. active: a digit each. */
struct row {
    const char *says;
    enum conf_balance balance;
    const char *servers;
    const char *active;
    size_t cursor;
    enum balance_result result;
    size_t found;
};

static const struct row rows[] = {
    {"the first", CONF_BALANCE_ROUND_ROBIN, "----", "0000", 0, BALANCE_FOUND, 0},
    {"from the cursor on", CONF_BALANCE_ROUND_ROBIN, "----", "0000", 2, BALANCE_FOUND, 2},
    {"load does not matter to it", CONF_BALANCE_ROUND_ROBIN, "----", "0310", 1, BALANCE_FOUND, 1},
    {"past one set aside", CONF_BALANCE_ROUND_ROBIN, "-a--", "0000", 1, BALANCE_FOUND, 2},
    {"round the end", CONF_BALANCE_ROUND_ROBIN, "--aa", "0000", 2, BALANCE_FOUND, 0},
    {"past the one that failed", CONF_BALANCE_ROUND_ROBIN, "--n-", "0000", 2, BALANCE_FOUND, 3},
    {"past one that is full", CONF_BALANCE_ROUND_ROBIN, "----", "0400", 1, BALANCE_FOUND, 2},
    {"all full", CONF_BALANCE_ROUND_ROBIN, "----", "4444", 0, BALANCE_FULL, 0},
    {"those not aside are full", CONF_BALANCE_ROUND_ROBIN, "a-a-", "0404", 0, BALANCE_FULL, 0},
    {"all aside", CONF_BALANCE_ROUND_ROBIN, "aaaa", "0000", 0, BALANCE_NONE, 0},
    {"the failed one is the only one", CONF_BALANCE_ROUND_ROBIN, "aana", "0000", 0, BALANCE_NONE,
     0},
    {"the least", CONF_BALANCE_LEAST_CONNECTIONS, "----", "3213", 0, BALANCE_FOUND, 2},
    {"equals in turn", CONF_BALANCE_LEAST_CONNECTIONS, "----", "1111", 3, BALANCE_FOUND, 3},
    {"the least that is not aside", CONF_BALANCE_LEAST_CONNECTIONS, "--a-", "3203", 0,
     BALANCE_FOUND, 1},
    {"least, all full", CONF_BALANCE_LEAST_CONNECTIONS, "----", "4444", 0, BALANCE_FULL, 0},
    {"least, all aside", CONF_BALANCE_LEAST_CONNECTIONS, "aaaa", "0000", 0, BALANCE_NONE, 0},
};

static void test_rows(void **state)
{
    (void)state;
    static const struct conf_server server;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        const struct conf_upstream rule = {
            .balance = row->balance, .server_count = 4, .connections_max = 4};
        struct peer peers[4];
        const struct peer *not_this = NULL;
        for (size_t k = 0; k < 4; k++) {
            peer_init(&peers[k], &server);
            peers[k].aside = row->servers[k] == 'a';
            peers[k].aside_until_ms = 1000;
            peers[k].active_count = (size_t)(row->active[k] - '0');
            not_this = row->servers[k] == 'n' ? &peers[k] : not_this;
        }
        size_t cursor = row->cursor;
        struct peer *found = NULL;
        enum balance_result result = balance_pick(peers, &rule, 0, not_this, &cursor, &found);
        CHECK_ROW(row->says, result == row->result);
        if (result == BALANCE_FOUND) {
            CHECK_ROW(row->says, found == &peers[row->found]);
            CHECK_ROW(row->says, cursor == (row->found + 1) % 4);
        } else {
            CHECK_ROW(row->says, cursor == row->cursor);
        }
    }
}

static void test_no_limit(void **state)
{
    (void)state;
    static const struct conf_server server;
    const struct conf_upstream rule = {.server_count = 1, .connections_max = 0};
    struct peer peer;
    struct peer *found = NULL;
    size_t cursor = 0;
    peer_init(&peer, &server);
    peer.active_count = 1000000;
    assert_int_equal(balance_pick(&peer, &rule, 0, NULL, &cursor, &found), BALANCE_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_no_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
