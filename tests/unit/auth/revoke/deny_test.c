/* The deny list: which lines are refused, which certificates and users are found, and how it goes
 * from one process to another. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/revoke/deny.h"
#include "auth/revoke/name_digest.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PATH  "test.deny"

static const struct conf_identity fold = {.fold_domain = true};

/* Stands in for pairing_normalise(): lower case; a '!' is no name. */
static bool normalise(struct str name, const struct conf_identity *rule, char *out, size_t *n)
{
    *n = name.n;
    for (size_t i = 0; i < name.n; i++) {
        out[i] = rule->fold_domain ? str_lower(name.p[i]) : name.p[i];
    }
    return str_chr(name, '!') == STR_NPOS;
}

static struct deny *load_behind(const struct deny *base, const char *text, struct diags *diags)
{
    struct conf_text path = {.p = PATH};
    const struct conf_revocation conf = {.deny = {&path, 1}};
    struct files *files = files_new();
    assert_non_null(files);
    if (text != NULL) {
        assert_int_equal(files_put(files, PATH, str_of(text)), 0);
    }
    const struct deny_source source = {&conf, &fold, normalise, base};
    struct deny *d = deny_load(&source, files, diags);
    files_free(files);
    return d;
}

static struct deny *load(const char *text, struct diags *diags)
{
    return load_behind(NULL, text, diags);
}

static const struct {
    const char *line;
    const char *says; /* part of the finding */
} refused_lines[] = {
    {"nonsense", "no such field"},
    {"=x", "no such field"},
    {"Serial=01 issuer=" HEX64, "no such field"},
    {"serial=01", "serial and issuer stand together"},
    {"issuer=" HEX64, "names one thing"},
    {"reason=superseded", "names one thing"},
    {"user=a issuer=" HEX64, "serial and issuer stand together"},
    {"user=a fingerprint=" HEX64, "names one thing"},
    {"user=a user=b", "twice"},
    {"serial= issuer=" HEX64, "hexadecimal"},
    {"serial=0g issuer=" HEX64, "hexadecimal"},
    {"serial=0x1 issuer=" HEX64, "hexadecimal"},
    {"serial=-1 issuer=" HEX64, "hexadecimal"},
    {"serial=1:2 issuer=" HEX64, "hexadecimal"},
    {"serial=01: issuer=" HEX64, "hexadecimal"},
    {"serial=01 issuer=00", "SHA-256"},
    {"serial=01 issuer=" HEX64 "00", "SHA-256"},
    {"fingerprint=", "SHA-256"},
    {"fingerprint=" HEX64 "a", "SHA-256"},
    {"user=", "no user"},
    {"user=\"\"", "no user"},
    {"user=a:b", "no user"},
    {"user=\" a\"", "no user"},
    {"user=no!", "no user"},
    {"user=a\x01", "control"},
    {"user=a\ruser=b", "a CR within"},
    {"# old\ruser=a\ruser=b\r", "a CR within"},
    {"\r\r", "a CR within"},
    {"user=\xff", "UTF-8"},
    {"user=a reason=", "RFC 5280"},
    {"user=a reason=removeFromCRL", "RFC 5280"},
    {"user=a reason=KeyCompromise", "RFC 5280"},
    {"user=a date=2026-11-21", "date"},
    {"user=a date=2026-02-30T00:00:00Z", "date"},
    {"user=a date=2026-11-21T18:16:54+00:00", "date"},
    {"user=a until=never", "until"},
    {"user=\"a", "closing quotation mark"},
    {"user=\"a\"b", "blank is missing"},
    {"user=a\"b", "quotation marks"},
    {"user=a\\b", "quotation marks"},
    {"user=\"a\\n\"", "backslash"},
    {"user=\"a\\", "backslash"},
};

static void test_refused_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused_lines); i++) {
        char text[512];
        char place[32];
        struct diags *diags = diags_new();
        struct buf out;
        buf_init(&out, 1 << 20);
        (void)snprintf(text, sizeof(text), "# first\nuser=fine\n%s\n", refused_lines[i].line);
        (void)snprintf(place, sizeof(place), "%s:3:", PATH);
        assert_null(load(text, diags));
        assert_int_equal(diags_errors(diags), 1);
        assert_int_equal(diags_render(diags, &out), 0);
        assert_int_equal(buf_append(&out, (struct str){"", 1}), 0);
        if (strstr(buf_str(&out).p, refused_lines[i].says) == NULL ||
            strstr(buf_str(&out).p, place) == NULL) {
            fail_msg("row %zu: %s: %s", i, refused_lines[i].line, buf_str(&out).p);
        }
        buf_release(&out);
        diags_free(diags);
    }
}

static void test_missing_file(void **state)
{
    (void)state;
    struct diags *diags = diags_new();
    assert_null(load(NULL, diags));
    assert_int_equal(diags_errors(diags), 1);
    diags_free(diags);
}

static struct deny *load_well(const char *text)
{
    struct diags *diags = diags_new();
    struct deny *d = load(text, diags);
    assert_non_null(d);
    assert_int_equal(diags_errors(diags), 0);
    diags_free(diags);
    return d;
}

/* Users as lines may write them, and what is found afterwards. */
static void test_users(void **state)
{
    (void)state;
    struct deny *d = load_well("\n  \r\n# x\nuser=Alice@Example.com reason=superseded\r\n"
                               "\tuser=\"a \\\"quoted\\\" \\\\ name\" \n"
                               "user=twice reason=keyCompromise\nuser=TWICE reason=superseded");
    assert_int_equal(deny_count(d, DENY_USER), 3);
    assert_int_equal(deny_user(d, STR("alice@example.com")), DENY_SUPERSEDED);
    assert_int_equal(deny_user(d, STR("a \"quoted\" \\ name")), DENY_UNSPECIFIED);
    assert_int_equal(deny_user(d, STR("twice")), DENY_KEY_COMPROMISE);
    assert_int_equal(deny_user(d, STR("bob")), DENY_NOT_LISTED);
    assert_int_equal(deny_user(d, STR("")), DENY_NOT_LISTED);
    assert_true(deny_rule(d).fold_domain);
    assert_false(deny_rule(d).fold_local_part);
    deny_free(d);
    assert_int_equal(deny_user(NULL, STR("bob")), DENY_NOT_LISTED);
    assert_int_equal(deny_chain(NULL, NULL), DENY_NOT_LISTED);
}

/* Each certificate is found by what the line of it says, and by no other's. */
static void test_certificates(void **state)
{
    (void)state;
    static const uint64_t serials[] = {1, 0x7f, 0x80, 0xff, 0x100, 0xabcdef, UINT64_MAX};
    EVP_PKEY *key = pki_key();
    X509 *ca = pki_ca("One", key);
    X509 *other = pki_ca("Two", key);
    for (size_t i = 0; i < ROWS(serials); i++) {
        struct pki_spec spec = {.common_name = "x", .serial = serials[i]};
        struct pki_spec next = {.common_name = "x", .serial = serials[i] - 1};
        X509 *leaf = pki_cert(&spec, key, ca, key);
        X509 *foreign = pki_cert(&spec, key, other, key);
        X509 *neighbour = pki_cert(&next, key, ca, key);
        struct deny_entry e;
        struct buf line;
        struct deny_keys keys;
        struct deny_chain chain = {0};
        deny_entry_init(&e, DENY_SERIAL);
        assert_int_equal(deny_serial_of(leaf, e.serial), 0);
        /* In either form. */
        const X509_NAME *issuer = X509_get_issuer_name(leaf);
        int rc = i % 2 == 0 ? name_digest(issuer, e.issuer) : deny_spelled_digest(issuer, e.issuer);
        assert_int_equal(rc, 0);
        buf_init(&line, 4096);
        assert_int_equal(deny_line_write(&e, &line), 0);
        assert_int_equal(buf_append(&line, (struct str){"", 1}), 0);
        struct deny *d = load_well(buf_str(&line).p);
        assert_int_equal(deny_keys_of(leaf, &keys), 0);
        assert_int_equal(deny_certificate(d, &keys), DENY_UNSPECIFIED);
        assert_int_equal(deny_keys_of(foreign, &keys), 0);
        assert_int_equal(deny_certificate(d, &keys), DENY_NOT_LISTED);
        assert_int_equal(deny_keys_of(neighbour, &keys), 0);
        assert_int_equal(deny_certificate(d, &keys), DENY_NOT_LISTED);
        assert_int_equal(deny_chain_add(&chain, neighbour), 0);
        assert_int_equal(deny_chain(d, &chain), DENY_NOT_LISTED);
        assert_int_equal(deny_chain_add(&chain, leaf), 0);
        assert_int_equal(deny_chain(d, &chain), DENY_UNSPECIFIED);
        deny_free(d);
        buf_release(&line);
        X509_free(leaf);
        X509_free(foreign);
        X509_free(neighbour);
    }
    struct deny_chain full = {0};
    for (size_t i = 0; i < DENY_CHAIN_MAX; i++) {
        assert_int_equal(deny_chain_add(&full, ca), 0);
    }
    assert_int_equal(deny_chain_add(&full, ca), -ERR_FULL);
    X509_free(ca);
    X509_free(other);
    EVP_PKEY_free(key);
}

static void test_fingerprint(void **state)
{
    (void)state;
    struct deny_keys keys = {{0}, {0}, {0}};
    struct deny *d = load_well("fingerprint=" HEX64 " reason=aACompromise\n");
    for (size_t i = 0; i < DENY_KEY; i++) {
        keys.fingerprint[i] = (unsigned char)(i * 0x11);
    }
    assert_int_equal(deny_certificate(d, &keys), DENY_AA_COMPROMISE);
    keys.fingerprint[DENY_KEY - 1] ^= 1;
    assert_int_equal(deny_certificate(d, &keys), DENY_NOT_LISTED);
    memcpy(keys.serial, keys.fingerprint, DENY_KEY);
    keys.serial[DENY_KEY - 1] ^= 1;
    /* A serial's key is not looked for among fingerprints. */
    assert_int_equal(deny_certificate(d, &keys), DENY_NOT_LISTED);
    deny_free(d);
}

/* Many entries: all are found, none else. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    char name[32];
    struct buf text;
    buf_init(&text, 1 << 24);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(buf_printf(&text, "user=u%u\n", i), 0);
    }
    assert_int_equal(buf_append(&text, (struct str){"", 1}), 0);
    struct deny *d = load_well(buf_str(&text).p);
    assert_int_equal(deny_count(d, DENY_USER), MANY);
    for (unsigned i = 0; i < 2 * MANY; i++) {
        int n = snprintf(name, sizeof(name), "u%u", i);
        enum deny_reason want = i < MANY ? DENY_UNSPECIFIED : DENY_NOT_LISTED;
        assert_int_equal(deny_user(d, (struct str){name, (size_t)n}), want);
    }
    deny_free(d);
    buf_release(&text);
}

/* A file that is read again is read as if for the first time, whatever has become of it. */
static void test_read_again(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *before, *after;
        const char *users; /* of a to f, those who are in the list afterwards */
    } files[] = {
        {"a line more", "user=a\n", "user=a\nuser=b\n", "ab"},
        {"from nothing", "", "user=a\n", "a"},
        {"nothing new", "user=a\n", "user=a\n", "a"},
        {"all gone", "user=a\n", "", ""},
        {"a line less", "user=a\nuser=b\n", "user=a\n", "a"},
        {"the first gone", "user=a\nuser=b\n", "user=b\n", "b"},
        {"another instead, and more", "user=a\n", "user=c\nuser=b\n", "bc"},
        {"the last line goes on", "user=a", "user=abc\nuser=d\n", "d"},
        {"the last line gets its end", "user=a", "user=a\nuser=b", "ab"},
        {"a comment becomes an entry", "#user=a\n", "user=a\nuser=b\n", "ab"},
        {"what was there twice", "user=a\nuser=b\n", "user=a\nuser=b\nuser=a\nuser=c\n", "abc"},
        {"a table that must grow", "user=a\nuser=b\n",
         "user=a\nuser=b\nuser=c\nuser=d\nuser=e\nuser=f\n", "abcdef"},
        {"another kind", "user=a\n", "user=a\nfingerprint=" HEX64 "\nuser=c\n", "ac"},
    };
    for (size_t i = 0; i < ROWS(files); i++) {
        struct diags *diags = diags_new();
        struct deny *base = load_well(files[i].before);
        struct deny *d = load_behind(base, files[i].after, diags);
        CHECK_ROW(files[i].says, d != NULL);
        deny_free(base);
        for (char name = 'a'; name <= 'f'; name++) {
            bool listed = deny_user(d, (struct str){&name, 1}) != DENY_NOT_LISTED;
            CHECK_ROW(files[i].says, listed == (strchr(files[i].users, name) != NULL));
        }
        deny_free(d);
        diags_free(diags);
    }
}

/* A fault in what is new stands at its own line; the old set is as it was. */
static void test_a_fault_behind(void **state)
{
    (void)state;
    struct diags *diags = diags_new();
    struct buf out;
    struct deny *base = load_well("# x\nuser=a\n");
    buf_init(&out, 1 << 16);
    assert_null(load_behind(base, "# x\nuser=a\nuser=b\nnonsense\n", diags));
    assert_int_equal(diags_render(diags, &out), 0);
    assert_int_equal(buf_append(&out, (struct str){"", 1}), 0);
    assert_non_null(strstr(buf_str(&out).p, PATH ":4:"));
    assert_int_equal(deny_count(base, DENY_USER), 1);
    deny_free(base);
    buf_release(&out);
    diags_free(diags);
}

/* Entry by entry, over many sizes of the table, as if read at once. */
static void test_growing(void **state)
{
    (void)state;
    enum { MANY = 300 };
    char name[32];
    struct buf text;
    struct deny *d = load_well("");
    buf_init(&text, 1 << 20);
    for (unsigned i = 0; i < MANY; i++) {
        struct diags *diags = diags_new();
        assert_int_equal(buf_printf(&text, "user=u%u\n", i), 0);
        assert_int_equal(buf_append(&text, (struct str){"", 1}), 0);
        struct deny *next = load_behind(d, buf_str(&text).p, diags);
        assert_non_null(next);
        deny_free(d);
        d = next;
        struct buf again;
        buf_init(&again, 1 << 20);
        assert_int_equal(buf_append(&again, str_slice(buf_str(&text), 0, buf_len(&text) - 1)), 0);
        buf_release(&text);
        text = again;
        diags_free(diags);
    }
    assert_int_equal(deny_count(d, DENY_USER), MANY);
    for (unsigned i = 0; i < 2 * MANY; i++) {
        int n = snprintf(name, sizeof(name), "u%u", i);
        bool listed = deny_user(d, (struct str){name, (size_t)n}) != DENY_NOT_LISTED;
        assert_true(listed == (i < MANY));
    }
    deny_free(d);
    buf_release(&text);
}

/* A set that was read by another rule, or from another file, helps nobody. */
static void test_another_base(void **state)
{
    (void)state;
    static const struct conf_identity exact = {.fold_domain = false};
    struct deny *base = load_well("user=A\n");
    struct conf_text path = {.p = PATH};
    struct conf_text other = {.p = "other.deny"};
    struct files *files = files_new();
    struct diags *diags = diags_new();
    const struct conf_revocation conf = {.deny = {&path, 1}};
    const struct conf_revocation elsewhere = {.deny = {&other, 1}};
    assert_int_equal(files_put(files, PATH, STR("user=A\nuser=b\n")), 0);
    assert_int_equal(files_put(files, "other.deny", STR("user=A\n")), 0);
    const struct deny_source by_rule = {&conf, &exact, normalise, base};
    struct deny *d = deny_load(&by_rule, files, diags);
    assert_int_equal(deny_user(d, STR("a")), DENY_NOT_LISTED);
    assert_int_equal(deny_user(d, STR("A")), DENY_UNSPECIFIED);
    deny_free(d);
    const struct deny_source by_path = {&elsewhere, &fold, normalise, base};
    d = deny_load(&by_path, files, diags);
    assert_int_equal(deny_count(d, DENY_USER), 1);
    deny_free(d);
    /* One that came from another process does not know its files. */
    struct err e = {0};
    struct deny *mapped = deny_open(deny_descriptor(base), &e);
    const struct deny_source by_mapped = {&conf, &fold, normalise, mapped};
    d = deny_load(&by_mapped, files, diags);
    assert_int_equal(deny_count(d, DENY_USER), 2);
    deny_free(d);
    deny_free(mapped);
    deny_free(base);
    diags_free(diags);
    files_free(files);
}

/* What the glance lets go by must not be what was looked for. */
static void test_glance(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *line, *wanted; /* lines */
        bool may_be;
    } glances[] = {
        {"the same serial", "serial=0A1B issuer=" HEX64, "serial=0A1B issuer=" HEX64, true},
        {"in small letters, shorter, with colons", "serial=a:1b issuer=" HEX64,
         "serial=0A1B issuer=" HEX64, true},
        {"with zeros in front", "serial=00:00:0a:1b\tissuer=" HEX64, "serial=0A1B issuer=" HEX64,
         true},
        {"in quotation marks", "serial=\"0A1B\" issuer=" HEX64, "serial=0A1B issuer=" HEX64, true},
        {"behind another field", "issuer=" HEX64 " serial=0A1B", "serial=0A1B issuer=" HEX64, true},
        {"behind a blank", " serial=0A1B issuer=" HEX64, "serial=0A1B issuer=" HEX64, true},
        {"with the end of another system", "fingerprint=" HEX64 "\r", "fingerprint=" HEX64, true},
        {"a user, spelt as it may be", "user=Alice", "user=bob", true},
        {"another serial", "serial=0A1C issuer=" HEX64, "serial=0A1B issuer=" HEX64, false},
        {"another in front", "serial=1A1B issuer=" HEX64, "serial=0A1B issuer=" HEX64, false},
        {"another kind", "fingerprint=" HEX64, "user=bob", false},
        {"another fingerprint",
         "fingerprint=1011223344556677889900aabbccddeeff11223344556677889900aabbccddee",
         "fingerprint=" HEX64, false},
    };
    for (size_t i = 0; i < ROWS(glances); i++) {
        struct deny_entry wanted;
        struct deny_fault fault;
        assert_true(deny_line_read(str_of(glances[i].wanted), &wanted, &fault));
        CHECK_ROW(glances[i].says,
                  deny_line_may_be(str_of(glances[i].line), &wanted) == glances[i].may_be);
    }
}

/* What another process maps answers alike; anything but a sealed, whole list is refused. */
static void test_hand_over(void **state)
{
    (void)state;
    struct err e = {0};
    struct deny *d = load_well("user=alice reason=certificateHold\n");
    struct deny *same = deny_open(deny_descriptor(d), &e);
    assert_non_null(same);
    assert_int_equal(deny_descriptor(same), -1);
    deny_free(d);
    assert_int_equal(deny_user(same, STR("alice")), DENY_CERTIFICATE_HOLD);
    assert_int_equal(deny_user(same, STR("bob")), DENY_NOT_LISTED);
    deny_free(same);
    assert_null(deny_open(-1, &e));
    int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_null(deny_open(fd, &e));
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_null(deny_open(fd, &e)); /* not sealed */
    assert_int_equal(
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    assert_null(deny_open(fd, &e)); /* sealed, but no list */
    (void)close(fd);
}

static void test_without_memory(void **state)
{
    (void)state;
    for (unsigned long n = 1;; n++) {
        struct diags *diags = diags_new();
        struct files *files = files_new();
        struct conf_text path = {.p = PATH};
        const struct conf_revocation conf = {.deny = {&path, 1}};
        assert_int_equal(files_put(files, PATH, STR("user=a\nuser=b\n")), 0);
        mem_fail_after(n, false);
        const struct deny_source source = {&conf, &fold, normalise, NULL};
        struct deny *d = deny_load(&source, files, diags);
        bool failed = mem_allocations() >= n;
        mem_fail_after(0, false);
        assert_true((d == NULL) == failed);
        deny_free(d);
        files_free(files);
        diags_free(diags);
        if (!failed) {
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_lines), cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_users),         cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_fingerprint),   cmocka_unit_test(test_many),
        cmocka_unit_test(test_hand_over),     cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_read_again),    cmocka_unit_test(test_a_fault_behind),
        cmocka_unit_test(test_growing),       cmocka_unit_test(test_another_base),
        cmocka_unit_test(test_glance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
