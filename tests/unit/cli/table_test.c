/* JSON for people: lines, columns, nothing lost but zeros. */
#include "base/err.h"
#include "base/mem.h"
#include "cli/table.h"
#include "tests/support/check.h"

static const char status[] =
    "{\"version\":\"0.1.0\",\"pid\":7,\"workers\":[{\"index\":0,\"pid\":4711,\"state\":\"ready\"},"
    "{\"index\":10,\"pid\":8,\"state\":\"draining\"}],\"listeners\":[\"[::]:8443\",\"unix:/x\"],"
    "\"totals\":{\"connections\":3,\"lost\":0,\"requests_total\":12},\"none\":[],\"empty\":{}}";

static void layout(void **state)
{
    (void)state;
    struct buf out;
    struct json whole = json_value(str_of(status));
    buf_init(&out, 4096);
    assert_int_equal(table_render(&whole, &out), 0);
    CHECK_STR("table", buf_str(&out),
              STR("version  0.1.0\n"
                  "pid      7\n"
                  "\n"
                  "workers\n"
                  "  index  pid   state     \n"
                  "  0      4711  ready     \n"
                  "  10     8     draining  \n"
                  "\n"
                  "listeners\n"
                  "  [::]:8443\n"
                  "  unix:/x\n"
                  "\n"
                  "totals\n"
                  "  connections     3\n"
                  "  requests_total  12\n"
                  "\n"
                  "none\n"
                  "\n"
                  "empty\n"));
    buf_release(&out);
}

static void without_room_or_memory(void **state)
{
    (void)state;
    struct json whole = json_value(str_of(status));
    for (size_t cap = 0; cap < 200; cap++) {
        struct buf out;
        buf_init(&out, cap);
        assert_int_equal(table_render(&whole, &out), -ERR_FULL);
        buf_release(&out);
    }
    struct buf out;
    buf_init(&out, 4096);
    mem_fail_after(1, true);
    assert_int_equal(table_render(&whole, &out), -ERR_NOMEM);
    mem_fail_after(0, false);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout),
        cmocka_unit_test(without_room_or_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
