/* What people are told: nothing becomes a field of a mail, and nothing breaks the JSON. */
#include <jansson.h>

#include "ca/mail.h"
#include "ca/message.h"
#include "tests/support/check.h"

#define TO "alice@example.com"

static void test_no_mail(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct mail mail;
    } rows[] = {
        {"nobody", {{"a@b", 3}, {"", 0}, {"s", 1}, {"t", 1}}},
        {"no address", {{"a@b", 3}, {"local:root", 10}, {"s", 1}, {"t", 1}}},
        {"a second field", {{"a@b", 3}, {"c@d\r\nBcc: e@f", 13}, {"s", 1}, {"t", 1}}},
        {"a second address", {{"a@b", 3}, {"c@d,e@f", 7}, {"s", 1}, {"t", 1}}},
        {"brackets", {{"a@b", 3}, {"<c@d>", 5}, {"s", 1}, {"t", 1}}},
        {"a sender that is none", {{"a", 1}, {"c@d", 3}, {"s", 1}, {"t", 1}}},
        {"a sender with a field", {{"a@b\nX: y", 8}, {"c@d", 3}, {"s", 1}, {"t", 1}}},
        {"a subject of two lines", {{"a@b", 3}, {"c@d", 3}, {"s\r\nX: y", 7}, {"t", 1}}},
        {"a subject that is not ASCII", {{"a@b", 3}, {"c@d", 3}, {"\xc3\xa9", 2}, {"t", 1}}},
        {"no subject", {{"a@b", 3}, {"c@d", 3}, {"", 0}, {"t", 1}}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;
        struct err e = {0};
        buf_init(&out, 4096);
        CHECK_ROW(rows[i].says, mail_write(&rows[i].mail, &out, &e) == -ERR_MALFORMED);
        CHECK_ROW(rows[i].says, buf_len(&out) == 0);
        buf_release(&out);
    }
}

/* Whatever the text, it is behind the head, in short lines. */
static void test_mail(void **state)
{
    (void)state;
    struct buf out;
    const struct mail m = {
        STR("pki@example.com"), STR(TO), STR("Your certificate"),
        STR("one\r\n.\r\nBcc: eve@example.com\r\n\r\nSch\xc3\xb6ne Gr\xc3\xbc\xc3\x9f"
            "e an alle, die das hier lesen, und an alle anderen auch")};
    buf_init(&out, 4096);
    assert_int_equal(mail_write(&m, &out, NULL), 0);
    struct str rest = buf_str(&out);
    struct str line;
    size_t lines = 0;
    while (str_cut(rest, '\n', &line, &rest)) {
        assert_true(line.n > 0 && line.p[line.n - 1] == '\r' && line.n <= 79);
        assert_false(str_starts(line, STR("Bcc")));
        lines++;
    }
    assert_int_equal(rest.n, 0);
    assert_true(lines >= 12);
    buf_release(&out);
}

/* Each kind has its members, whatever the company is called. */
static void test_json(void **state)
{
    (void)state;
    static const struct {
        enum message_kind kind;
        const char *has;
        const char *has_not;
    } rows[] = {
        {MESSAGE_CODE, "code", "password"},  {MESSAGE_PASSWORD, "password", "code"},
        {MESSAGE_APPROVED, "text", "code"},  {MESSAGE_DENIED, "reason", "code"},
        {MESSAGE_ENDS, "until", "password"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;
        const struct message m = {.kind = rows[i].kind,
                                  .to = STR(TO),
                                  .request = STR("0123456789abcdef01234567"),
                                  .user = STR(TO),
                                  .company = STR("A \"quoted\" \\ \n Company"),
                                  .secret = STR("SECR-ETSE"),
                                  .reason = rows[i].kind == MESSAGE_DENIED ? STR("no") : STR_NONE,
                                  .until_ms = 1800000000000};
        buf_init(&out, 8192);
        assert_int_equal(message_write(&m, &out, NULL), 0);
        json_t *o = json_loadb(buf_str(&out).p, buf_len(&out), JSON_REJECT_DUPLICATES, NULL);
        CHECK_ROW(rows[i].has, json_is_string(json_object_get(o, rows[i].has)));
        CHECK_ROW(rows[i].has, json_object_get(o, rows[i].has_not) == NULL);
        CHECK_ROW(rows[i].has,
                  message_is_secret(rows[i].kind) ==
                      (memmem(buf_str(&out).p, buf_len(&out), "SECR-ETSE", 9) != NULL));
        assert_string_equal(json_string_value(json_object_get(o, "kind")),
                            message_name(rows[i].kind));
        json_decref(o);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_mail),
        cmocka_unit_test(test_mail),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
