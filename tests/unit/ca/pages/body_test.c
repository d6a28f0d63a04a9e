/* Forms: what a browser would not send is refused; what it sends is read. */
#include <stdlib.h>

#include "base/mem.h"
#include "ca/pages/body.h"
#include "tests/support/check.h"

#define URL  "application/x-www-form-urlencoded"
#define PART "multipart/form-data; boundary=b"

/* The head of a part. */
#define NAMED(name) "Content-Disposition: form-data; name=\"" name "\""

struct row {
    const char *says;
    const char *type;
    struct str body;
    int rc;
    const char *value; /* of the field "a" */
};

#define BODY(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct row rows[] = {
    {"no type", "", BODY("a=1"), -ERR_UNSUPPORTED, NULL},
    {"another type", "application/json", BODY("{}"), -ERR_UNSUPPORTED, NULL},
    {"plain text, as forms of strangers may be", "text/plain", BODY("a=1"), -ERR_UNSUPPORTED, NULL},
    {"another charset", URL ";charset=iso-8859-1", BODY("a=1"), -ERR_UNSUPPORTED, NULL},
    {"a % at the end", URL, BODY("a=%"), -ERR_MALFORMED, NULL},
    {"a % with one digit", URL, BODY("a=%4"), -ERR_MALFORMED, NULL},
    {"a % with other letters", URL, BODY("a=%4g"), -ERR_MALFORMED, NULL},
    {"a NUL", URL, BODY("a=x%00y"), -ERR_MALFORMED, NULL},
    {"a raw NUL", URL, BODY("a=x\0y"), -ERR_MALFORMED, NULL},
    {"not UTF-8", URL, BODY("a=%c3"), -ERR_MALFORMED, NULL},
    {"a field twice", URL, BODY("a=1&b=2&a=1"), -ERR_MALFORMED, NULL},
    {"a field twice, once in code", URL, BODY("a=1&%61=1"), -ERR_MALFORMED, NULL},
    {"no name", URL, BODY("=1"), -ERR_MALFORMED, NULL},
    {"a name with other characters", URL, BODY("a%22=1"), -ERR_MALFORMED, NULL},
    {"a name in capitals", URL, BODY("A=1"), -ERR_MALFORMED, NULL},
    {"a long name", URL, BODY("a23456789012345678901234567890123=1"), -ERR_MALFORMED, NULL},
    {"seventeen fields", URL, BODY("a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q"), -ERR_TOO_LARGE, NULL},
    {"sixteen", URL, BODY("a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p"), 0, ""},
    {"one", URL, BODY("a=1"), 0, "1"},
    {"spaces and code", URL, BODY("b=x&a=%3c+%2b%C3%BC%3D=%26"), 0, "< +\xc3\xbc==&"},
    {"empty between", URL, BODY("&&a=1&"), 0, "1"},
    {"in UTF-8, said so", URL "; charset=UTF-8", BODY("a=1"), 0, "1"},
    {"nothing", URL, BODY(""), 0, NULL},
    {"no boundary", "multipart/form-data", BODY("--b--"), -ERR_MALFORMED, NULL},
    {"an empty one", "multipart/form-data; boundary=", BODY("----"), -ERR_MALFORMED, NULL},
    {"one that cannot be", "multipart/form-data; boundary=a{b", BODY("--a{b--"), -ERR_MALFORMED,
     NULL},
    {"another parameter", "multipart/form-data; charset=utf-8", BODY("--b--"), -ERR_MALFORMED,
     NULL},
    {"no parts", PART, BODY(""), -ERR_MALFORMED, NULL},
    {"a preamble", PART, BODY("x\r\n--b--"), -ERR_MALFORMED, NULL},
    {"another boundary", PART, BODY("--c--"), -ERR_MALFORMED, NULL},
    {"no end", PART, BODY("--b\r\n" NAMED("a") "\r\n\r\n1"), -ERR_MALFORMED, NULL},
    {"no end behind the boundary", PART, BODY("--b\r\n" NAMED("a") "\r\n\r\n1\r\n--b"),
     -ERR_MALFORMED, NULL},
    {"text behind the end", PART, BODY("--b\r\n" NAMED("a") "\r\n\r\n1\r\n--b--\r\nx"),
     -ERR_MALFORMED, NULL},
    {"a part without a head", PART, BODY("--b\r\n1\r\n--b--"), -ERR_MALFORMED, NULL},
    {"a part without a disposition", PART, BODY("--b\r\nX: y\r\n\r\n1\r\n--b--"), -ERR_MALFORMED,
     NULL},
    {"a part without a name", PART, BODY("--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--"),
     -ERR_MALFORMED, NULL},
    {"a part that is a file of a mail", PART,
     BODY("--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--b--"), -ERR_MALFORMED,
     NULL},
    {"a name without quotes", PART,
     BODY("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--"), -ERR_MALFORMED, NULL},
    {"two names", PART, BODY("--b\r\n" NAMED("a") "; name=\"b\"\r\n\r\n1\r\n--b--"), -ERR_MALFORMED,
     NULL},
    {"a name and more", PART, BODY("--b\r\n" NAMED("a") "x\r\n\r\n1\r\n--b--"), -ERR_MALFORMED,
     NULL},
    {"two dispositions", PART, BODY("--b\r\n" NAMED("a") "\r\n" NAMED("b") "\r\n\r\n1\r\n--b--"),
     -ERR_MALFORMED, NULL},
    {"a transfer encoding", PART,
     BODY("--b\r\n" NAMED("a") "\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--b--"),
     -ERR_MALFORMED, NULL},
    {"the same part twice", PART,
     BODY("--b\r\n" NAMED("a") "\r\n\r\n1\r\n--b\r\n" NAMED("a") "\r\n\r\n1\r\n--b--"),
     -ERR_MALFORMED, NULL},
    {"a text that is not UTF-8", PART, BODY("--b\r\n" NAMED("a") "\r\n\r\n\xff\r\n--b--"),
     -ERR_MALFORMED, NULL},
    {"line feeds alone", PART, BODY("--b\n" NAMED("a") "\n\n1\n--b--"), -ERR_MALFORMED, NULL},
    {"a part", PART, BODY("--b\r\n" NAMED("a") "\r\n\r\n1\r\n--b--\r\n"), 0, "1"},
    {"a part with line ends", PART, BODY("--b\r\n" NAMED("a") "\r\n\r\n1\r\n--c\r\n\r\n--b--\r\n"),
     0, "1\r\n--c\r\n"},
    {"an empty part", PART, BODY("--b\r\n" NAMED("a") "\r\n\r\n\r\n--b--\r\n"), 0, ""},
    {"a file of any octets", PART,
     BODY("--b\r\n" NAMED("a") "; filename=\"x;y\"\r\nContent-Type: x/y\r\n\r\n\xff\r\n--b--\r\n"),
     0, "\xff"},
    {"the second part", "multipart/form-data; boundary=\"b\"",
     BODY("--b\r\n" NAMED("b") "\r\n\r\n1\r\n--b\r\n" NAMED("a") "\r\n\r\n2\r\n--b--\r\n"), 0, "2"},
    {"no parts, said so", PART, BODY("--b--\r\n"), 0, NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct form f;
        struct err e = {0};
        /* Of its own, so that a read behind the end is seen. */
        char *body = malloc(rows[i].body.n + 1);
        memcpy(body, rows[i].body.p, rows[i].body.n);
        int rc = body_read(str_of(rows[i].type), (struct str){body, rows[i].body.n}, &f, &e);
        CHECK_ROW(rows[i].says, rc == rows[i].rc && (int)e.code == -rc);
        struct str value = form_value(&f, STR("a"));
        CHECK_ROW(rows[i].says, (value.p != NULL) == (rows[i].value != NULL));
        CHECK_STR(rows[i].says, value, str_of(rows[i].value));
        form_release(&f);
        free(body);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        size_t n = FORM_VALUE_MAX + (size_t)over;
        char *body = malloc(n + 2);
        struct form f;
        memset(body, 'x', n + 2);
        body[0] = 'a';
        body[1] = '=';
        assert_int_equal(body_read(STR(URL), (struct str){body, n + 2}, &f, NULL),
                         over == 0 ? 0 : -ERR_TOO_LARGE);
        form_release(&f);
        free(body);
    }
}

static void test_memory(void **state)
{
    struct form f;
    (void)state;
    mem_fail_after(1, true);
    assert_int_equal(body_read(STR(URL), STR("a=1"), &f, NULL), -ERR_NOMEM);
    mem_fail_after(0, false);
    form_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
