/* The file of users' fields: what is refused and where, what is read, and that secrets are not
 * shown. */
#include "auth/store/fields.h"
#include "auth/store/user_draft.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"

#define PIN "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

#define SIXTEEN "0123456789abcdef"
#define LONG    SIXTEEN SIXTEEN SIXTEEN SIXTEEN

static char *rendered(const struct diags *d, struct buf *out)
{
    buf_init(out, 1 << 20);
    assert_int_equal(diags_render(d, out), 0);
    assert_int_equal(buf_append(out, (struct str){"", 1}), 0);
    return out->p + out->head;
}

static struct fields_file *read_all(struct str text, struct diags *d)
{
    struct fields_file *f = NULL;
    int rc = fields_file_read("f", text, d, &f);
    assert_int_equal(rc, f != NULL ? 0 : -ERR_MALFORMED);
    return f;
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *place;
        const char *what;
    } rows[] = {
        {"alice disabled\n", "f:1:7", "key=value"},
        {"alice disabled=1\n", "f:1:7", "yes or no"},
        {"alice colour=blue\n", "f:1:7", "no such field"},
        {"\nalice groups=a,,b\n", "f:2:7", "1 to 64 octets"},
        {"alice groups=a,\n", "f:1:7", "behind the last comma"},
        {"alice groups=a,a\n", "f:1:7", "twice"},
        {"alice expires=2027-02-29\n", "f:1:7", "a date"},
        {"alice expires=tomorrow\n", "f:1:7", "a date"},
        {"alice expires=1969-12-31\n", "f:1:7", "a date"},
        {"alice certificate=maybe\n", "f:1:7", "required, optional"},
        {"alice pin=0011\n", "f:1:7", "64 hex digits"},
        {"alice pin=" PIN "00\n", "f:1:7", "64 hex digits"},
        {"alice pin=" PIN " pin=" PIN "\n", "f:1:76", "pinned twice"},
        {"alice totp=0\n", "f:1:7", "in hex"},
        {"alice totp=xyz\n", "f:1:7", "in hex"},
        {"alice company=Acme%2\n", "f:1:7", "two hex digits"},
        {"alice company=Acme%zz\n", "f:1:7", "two hex digits"},
        {"alice company=Acme%0ALtd\n", "f:1:7", "control characters"},
        {"alice company=Acme%00Ltd\n", "f:1:7", "control characters"},
        {"alice company=%20Acme\n", "f:1:7", "blanks at its ends"},
        {"alice company=Acme%FF\n", "f:1:7", "UTF-8"},
        {"alice company=" SIXTEEN SIXTEEN SIXTEEN SIXTEEN "5\n", "f:1:7", "1 to 64 characters"},
        {"alice company=" LONG LONG LONG LONG LONG "\n", "f:1:7", "too long"},
        {"alice company=Acme Ltd\n", "f:1:20", "key=value"},
        {" alice\n", "f:1:1", "name"},
        {"al%2 x=y\n", "f:1:1", "name"},
        {"al:ice\n", "f:1:1", "name"},
        {"al%00ice\n", "f:1:1", "name"},
        {"al\xffice\n", "f:1:1", "name"},
        {"bob\nalice\nbob disabled=yes\n", "f:3:1", "twice"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct diags *d = diags_new();
        struct buf out;
        assert_null(read_all(str_of(rows[i].text), d));
        char *text = rendered(d, &out);
        CHECK_ROW(rows[i].text, strncmp(text, rows[i].place, strlen(rows[i].place)) == 0);
        CHECK_ROW(rows[i].text, strstr(text, rows[i].what) != NULL);
        buf_release(&out);
        diags_free(d);
    }
}

static void test_secrets_are_not_shown(void **state)
{
    (void)state;
    struct diags *d = diags_new();
    struct buf out;
    assert_null(read_all(STR("alice totp=5ec3e7 disabled=x totp=5ec3e7z\n"), d));
    char *text = rendered(d, &out);
    assert_non_null(strstr(text, "totp=****** disabled=x"));
    assert_null(strstr(text, "5ec3e7"));
    buf_release(&out);
    diags_free(d);
}

static void test_read(void **state)
{
    (void)state;
    struct diags *d = diags_new();
    struct fields_file *f = read_all(
        STR("# comment\n\n"
            "b%20c\tgroups=x  expires=2027-01-31 disabled=yes\r\n"
            "alice certificate=optional groups=staff,admin expires=2027-01-31T01:02:03Z"
            " pin=" PIN " totp=00ff10 totp_required=yes company=M%c3%bcller%20%26%20S%25hne"),
        d);
    assert_non_null(f);
    size_t n = 0;
    const struct fields_entry *e = fields_file_entries(f, &n);
    assert_int_equal(n, 2);
    const struct user *alice = e[0].user;
    CHECK_STR("in order of name", alice->name, STR("alice"));
    assert_int_equal(alice->certificate, USER_CERTIFICATE_OPTIONAL);
    assert_int_equal(alice->expires_ms, INT64_C(1801357323000));
    assert_int_equal(alice->group_count, 2);
    CHECK_STR("group", alice->groups[1], STR("admin"));
    assert_int_equal(alice->pin_count, 1);
    CHECK_STR("secret", alice->totp_secret, STR("\0\377\20"));
    assert_true(alice->totp_required && !alice->disabled);
    CHECK_STR("company", alice->company, STR("M\xc3\xbcller & S%hne"));
    const struct user *b = e[1].user;
    CHECK_STR("a blank in a name", b->name, STR("b c"));
    assert_int_equal(b->expires_ms, INT64_C(1801353600000));
    assert_true(b->disabled && !b->totp_required);

    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(fields_write_name(b->name, &out), 0);
    assert_int_equal(user_draft_write(b, &out), 0);
    CHECK_STR("written", buf_str(&out),
              STR("b%20c groups=x expires=2027-01-31T00:00:00Z disabled=yes"));
    buf_clear(&out);
    assert_int_equal(user_draft_write(alice, &out), 0);
    struct user_draft again;
    user_draft_begin(&again, NULL);
    struct str rest = str_slice(buf_str(&out), 1, buf_len(&out));
    struct str word;
    while (rest.n > 0) {
        struct str key;
        struct str value;
        (void)str_cut(rest, ' ', &word, &rest);
        assert_true(str_cut(word, '=', &key, &value));
        assert_null(user_draft_read(&again, key, value));
    }
    assert_int_equal(again.user.expires_ms, alice->expires_ms);
    assert_memory_equal(&again.pins[0], &alice->pins[0], sizeof(again.pins[0]));
    assert_int_equal(again.user.group_count, 2);
    CHECK_STR("company again", again.user.company, alice->company);
    buf_release(&out);
    fields_file_free(f);
    fields_file_free(NULL);
    diags_free(d);
}

/* Whichever allocation fails, and whether there is memory again behind it: a line that could not be
 * kept is not told as wrong. */
static void test_memory(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *text;
        int rc;           /* with all memory */
        const char *told; /* of what is wrong */
    } rows[] = {
        {"good", "alice groups=a,b company=Acme\nbob disabled=yes\n", 0, NULL},
        {"faulty", "alice groups=a,b\nbob disabled=maybe\n", -ERR_MALFORMED, "yes or no"},
    };
    for (size_t i = 0; i < ROWS(rows) * 2; i++) {
        bool failed = true;
        for (unsigned long nth = 1; failed; nth++) {
            struct diags *d = diags_new();
            struct fields_file *f = NULL;
            struct buf out;
            mem_fail_after(nth, i % 2 == 0);
            int rc = fields_file_read("f", str_of(rows[i / 2].text), d, &f);
            failed = mem_allocations() >= nth;
            mem_fail_after(0, false);
            char *text = rendered(d, &out);
            bool starved = strstr(text, "error: f: out of memory\n") != NULL ||
                           strstr(text, "error: out of memory, ") != NULL;
            CHECK_ROW(rows[i / 2].says, (rc == 0) == (f != NULL));
            CHECK_ROW(rows[i / 2].says, rc == rows[i / 2].rc || (failed && rc == -ERR_NOMEM));
            CHECK_ROW(rows[i / 2].says, (rc == 0) == (text[0] == '\0'));
            CHECK_ROW(rows[i / 2].says, rc != -ERR_NOMEM || starved);
            CHECK_ROW(rows[i / 2].says, rc != -ERR_NOMEM || strstr(text, "alice") == NULL);
            CHECK_ROW(rows[i / 2].says,
                      rc != -ERR_MALFORMED || starved || strstr(text, rows[i / 2].told) != NULL);
            fields_file_free(f);
            buf_release(&out);
            diags_free(d);
        }
    }
}

static void test_pins(void **state)
{
    (void)state;
    struct user_draft d;
    const unsigned char zero[32] = {0};
    user_draft_begin(&d, NULL);
    assert_false(user_refuses_pin(&d.user, zero));
    assert_null(user_draft_set(
        &d, STR("pin"),
        STR("00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:"
            "cc:dd:ee:ff")));
    assert_true(user_refuses_pin(&d.user, zero));
    assert_null(user_draft_set(&d, STR("pin"), STR("")));
    assert_false(user_refuses_pin(&d.user, zero));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_secrets_are_not_shown),
        cmocka_unit_test(test_read),    cmocka_unit_test(test_pins),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
