/* Tests of ca/web.c without a server: what is refused before anything is sent. Calls to real
 * servers, good and bad ones, are in tests/flow/test_renew.py. */
#include <stdio.h>
#include <sys/stat.h>

#include "ca/web.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static void urls(void **state)
{
    static const struct {
        const char *says;
        const char *url;
        int rc;
    } rows[] = {
        {"no URL", NULL, -ERR_CONFIG},
        {"an empty one", "", -ERR_CONFIG},
        {"no TLS", "http://proxy.example.com/ca", -ERR_CONFIG},
        {"another scheme", "file:///etc/passwd", -ERR_CONFIG},
        {"the scheme in another case is another text", "HTTPS://proxy.example.com/", -ERR_CONFIG},
        {"no host", "https:///ca", -ERR_CONFIG},
        {"a query where the host ends", "https://proxy.example.com?x=1", -ERR_CONFIG},
        {"a fragment where the host ends", "https://proxy.example.com#x", -ERR_CONFIG},
        {"a user", "https://alice@proxy.example.com/", -ERR_CONFIG},
        {"a user and a password", "https://alice:secret@proxy.example.com/", -ERR_CONFIG},
        {"a blank", "https://proxy.example.com/a b", -ERR_CONFIG},
        {"a line end", "https://proxy.example.com/\r\nX: y", -ERR_CONFIG},
        {"a host alone", "https://proxy.example.com", 0},
        {"a path", "https://proxy.example.com/ca/v1/requests?profile=client", 0},
        {"a port", "https://127.0.0.1:8443/", 0},
        {"an address of six", "https://[::1]:8443/", 0},
        {"an @ behind the host", "https://proxy.example.com/users/alice@example.com", 0},
    };
    char longest[WEB_URL_MAX + 2];
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        CHECK_ROW(rows[i].says, web_check_url(rows[i].url, &e) == rows[i].rc);
        CHECK_ROW(rows[i].says, (e.text[0] != '\0') == (rows[i].rc != 0));
        CHECK_ROW("no secret in the text", strstr(e.text, "secret") == NULL);
    }
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "https://", 8);
    longest[WEB_URL_MAX + 1] = '\0';
    assert_int_equal(web_check_url(longest, NULL), -ERR_CONFIG);
    longest[WEB_URL_MAX] = '\0';
    assert_int_equal(web_check_url(longest, NULL), 0);
}

static void secrets(void **state)
{
    static const struct {
        const char *says;
        const char *octets;
        size_t n;
        mode_t mode;
        const char *wanted; /* NULL: refused */
    } rows[] = {
        {"everybody may read it", "secret\n", 7, 0604, NULL},
        {"everybody may write it", "secret\n", 7, 0602, NULL},
        {"the group may write it", "secret\n", 7, 0660, NULL},
        {"its line is too long", "0123456789abcdef\n", 17, 0600, NULL},
        {"it has no line end, and is too long", "0123456789abcdef", 16, 0600, NULL},
        {"a NUL is in it", "sec\0ret\n", 8, 0600, NULL},
        {"one line", "secret\n", 7, 0600, "secret"},
        {"the group may read it", "secret\n", 7, 0640, "secret"},
        {"no line end", "secret", 6, 0400, "secret"},
        {"a line end of two octets", "secret\r\n", 8, 0600, "secret"},
        {"more lines", "secret\nmore\n", 12, 0600, "secret"},
        {"an empty file", "", 0, 0600, ""},
        {"as long as can be", "0123456789abcde\n", 16, 0600, "0123456789abcde"},
    };
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    (void)state;
    tmpdir_make(&dir);
    (void)tmpdir_path(&dir, "secret", path);
    assert_int_equal(web_read_secret(path, (char[16]){0}, 16, NULL), -ERR_CONFIG);
    assert_int_equal(web_read_secret(dir.path, (char[16]){0}, 16, NULL), -ERR_CONFIG);
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[16];
        struct err e = {0};
        tmpdir_write(&dir, "secret", rows[i].octets, rows[i].n);
        assert_int_equal(chmod(path, rows[i].mode), 0);
        int rc = web_read_secret(path, out, sizeof(out), &e);
        CHECK_ROW(rows[i].says, (rc == 0) == (rows[i].wanted != NULL));
        if (rc == 0) {
            CHECK_ROW(rows[i].says, strcmp(out, rows[i].wanted) == 0);
        } else {
            CHECK_ROW(rows[i].says, rc == -ERR_CONFIG && strstr(e.text, path) != NULL);
        }
    }
    tmpdir_remove(&dir);
}

/* The port of the URL is one that nobody can listen at, so that what gets past the checks fails. */
static void files(void **state)
{
    struct tmpdir dir;
    char ca[TMPDIR_PATH_MAX];
    char open_to_all[TMPDIR_PATH_MAX];
    char bare[TMPDIR_PATH_MAX];
    char basic[TMPDIR_PATH_MAX];
    (void)state;
    tmpdir_make(&dir);
    tmpdir_write(&dir, "ca", "no certificate\n", 15);
    tmpdir_write(&dir, "open", "alice:hush\n", 11);
    tmpdir_write(&dir, "bare", "hush\n", 5);
    tmpdir_write(&dir, "basic", "alice:hush\n", 11);
    assert_int_equal(chmod(tmpdir_path(&dir, "open", open_to_all), 0644), 0);
    assert_int_equal(chmod(tmpdir_path(&dir, "bare", bare), 0600), 0);
    assert_int_equal(chmod(tmpdir_path(&dir, "basic", basic), 0600), 0);
    (void)tmpdir_path(&dir, "ca", ca);
    const struct {
        const char *says;
        struct web_self self;
        int rc;
        const char *word;
    } rows[] = {
        {"a CA that is not there", {.ca_file = "/nonexistent"}, -ERR_CONFIG, "/nonexistent"},
        {"a certificate that is not there",
         {.certificate_file = "/nonexistent"},
         -ERR_CONFIG,
         "/nonexistent"},
        {"a key that everybody can read", {.key_file = open_to_all}, -ERR_CONFIG, "0644"},
        {"a passphrase that everybody can read",
         {.passphrase_file = open_to_all},
         -ERR_CONFIG,
         "0644"},
        {"a password that everybody can read", {.basic_file = open_to_all}, -ERR_CONFIG, "0644"},
        {"a password without its user", {.basic_file = bare}, -ERR_CONFIG, "USER:PASSWORD"},
        {"nobody answers", {.basic_file = basic, .ca_file = NULL}, -ERR_IO, ""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct web_wish w = {.url = "https://127.0.0.1:1/"};
        struct web_reply r;
        struct err e = {0};
        int rc = web_call(&rows[i].self, &w, &r, &e);
        CHECK_ROW(rows[i].says, rc == rows[i].rc);
        CHECK_ROW(rows[i].says, strstr(e.text, rows[i].word) != NULL);
        CHECK_ROW("no secret in the text", strstr(e.text, "hush") == NULL);
        web_reply_fini(&r);
    }
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(secrets),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
