/* Which keys need a restart. */
#include "proxy/proc/fixed.h"
#include "tests/support/check.h"

struct heard {
    unsigned count;
    const char *last;
};

static void hear(void *arg, const char *key)
{
    struct heard *h = arg;
    h->count++;
    h->last = key;
}

static void differences(void **state)
{
    (void)state;
    static const struct {
        const char *key; /* NULL: nothing differs */
        struct conf old;
        struct conf now;
    } rows[] = {
        {NULL, {0}, {0}},
        {NULL, {.process = {.user = {"a", {0}}}}, {.process = {.user = {"a", {0, 7, 7}}}}},
        {NULL, {.process = {.workers = 1}}, {.process = {.workers = 2}}},
        {"process.user", {0}, {.process = {.user = {"a", {0}}}}},
        {"process.user", {.process = {.user = {"a", {0}}}}, {0}},
        {"process.user", {.process = {.user = {"a", {0}}}}, {.process = {.user = {"b", {0}}}}},
        {"process.group", {0}, {.process = {.group = {"a", {0}}}}},
        {"admin.socket", {0}, {.admin = {.socket = {"/a", {0}}}}},
        {"log.access", {0}, {.log = {.access = {"/a", {0}}}}},
        {"log.access_format", {0}, {.log = {.access_format = CONF_ACCESS_COMBINED}}},
        {"log.error", {0}, {.log = {.error = {"/a", {0}}}}},
        {"log.error_format", {0}, {.log = {.error_format = CONF_LOG_JSON}}},
        {"log.level", {0}, {.log = {.level = CONF_LOG_DEBUG}}},
        {"users.hash_threads", {0}, {.users = {.hash_threads = 2}}},
        {"users.hash_queue_max", {0}, {.users = {.hash_queue_max = 2}}},
        {"users.lookup_queue_max", {0}, {.users = {.lookup_queue_max = 2}}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct heard h = {0};
        const char *says = rows[i].key != NULL ? rows[i].key : "nothing";
        fixed_differences(&rows[i].old, &rows[i].now, hear, &h);
        CHECK_ROW(says, h.count == (rows[i].key != NULL ? 1 : 0));
        CHECK_STR(says, str_of(h.last), str_of(rows[i].key));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(differences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
