/* Which server is next. */
#include "proxy/upstream/balance.h"
#include "tests/support/check.h"

/* Four servers; a letter each: '-' usable, 'a' set aside, 'n' not wanted. active: a digit each. */
struct row {
    const char *says;
    const char *servers;
    const char *active;
    size_t cursor;
    size_t found;
    enum conf_balance balance;
    enum balance_result result;
};

static const struct row rows[] = {
    {"the first", "----", "0000", 0, 0, CONF_BALANCE_ROUND_ROBIN, BALANCE_FOUND},
    {"from the cursor on", "----", "0000", 2, 2, CONF_BALANCE_ROUND_ROBIN, BALANCE_FOUND},
    {"load does not matter to it", "----", "0310", 1, 1, CONF_BALANCE_ROUND_ROBIN, BALANCE_FOUND},
    {"past one set aside", "-a--", "0000", 1, 2, CONF_BALANCE_ROUND_ROBIN, BALANCE_FOUND},
    {"round the end", "--aa", "0000", 2, 0, CONF_BALANCE_ROUND_ROBIN, BALANCE_FOUND},
    {"past the one that failed", "--n-", "0000", 2, 3, CONF_BALANCE_ROUND_ROBIN, BALANCE_FOUND},
    {"past one that is full", "----", "0400", 1, 2, CONF_BALANCE_ROUND_ROBIN, BALANCE_FOUND},
    {"all full", "----", "4444", 0, 0, CONF_BALANCE_ROUND_ROBIN, BALANCE_FULL},
    {"those not aside are full", "a-a-", "0404", 0, 0, CONF_BALANCE_ROUND_ROBIN, BALANCE_FULL},
    {"all aside", "aaaa", "0000", 0, 0, CONF_BALANCE_ROUND_ROBIN, BALANCE_NONE},
    {"the failed one is the only one", "aana", "0000", 0, 0, CONF_BALANCE_ROUND_ROBIN,
     BALANCE_NONE},
    {"the least", "----", "3213", 0, 2, CONF_BALANCE_LEAST_CONNECTIONS, BALANCE_FOUND},
    {"equals in turn", "----", "1111", 3, 3, CONF_BALANCE_LEAST_CONNECTIONS, BALANCE_FOUND},
    {"the least that is not aside", "--a-", "3203", 0, 1, CONF_BALANCE_LEAST_CONNECTIONS,
     BALANCE_FOUND},
    {"least, all full", "----", "4444", 0, 0, CONF_BALANCE_LEAST_CONNECTIONS, BALANCE_FULL},
    {"least, all aside", "aaaa", "0000", 0, 0, CONF_BALANCE_LEAST_CONNECTIONS, BALANCE_NONE},
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
