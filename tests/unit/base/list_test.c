/* The intrusive list. */
#include "base/list.h"
#include "tests/support/check.h"

struct item {
    int value;
    struct list link;
};

static void test_order_and_removal(void **state)
{
    (void)state;
    struct list head;
    struct item items[4];
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_pop_front(&head));
    for (int i = 0; i < 4; i++) {
        items[i].value = i;
        list_init(&items[i].link);
    }
    list_push_back(&head, &items[1].link);
    list_push_back(&head, &items[2].link);
    list_push_front(&head, &items[0].link);
    list_push_back(&head, &items[3].link);
    list_remove(&items[2].link);
    list_remove(&items[2].link);
    static const int wanted[] = {0, 1, 3};
    for (size_t i = 0; i < ROWS(wanted); i++) {
        struct list *node = list_pop_front(&head);
        if (node == NULL) {
            fail_msg("%s", "the list ends too early");
            return;
        }
        assert_int_equal(LIST_ENTRY(node, struct item, link)->value, wanted[i]);
        assert_true(list_empty(node));
    }
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order_and_removal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
