/* Two names have one digest just when chains take them for one name. */
#include <openssl/err.h>

#include "auth/revoke/name_digest.h"
#include "tests/support/check.h"

/* One attribute; set: 0 begins a relative name, -1 joins the one before. */
struct attribute {
    const char *field;
    int type;
    const char *value;
    int n;
    int set;
};

#define TEXT(field, type, text)                                                                    \
    {                                                                                              \
        field, type, text, (int)sizeof(text) - 1, 0                                                \
    }
#define JOINED(field, type, text)                                                                  \
    {                                                                                              \
        field, type, text, (int)sizeof(text) - 1, -1                                               \
    }

static const struct {
    const char *says;
    struct attribute v[3];
    int group; /* names of one group are one name */
} rows[] = {
    {"nothing", {{NULL, 0, NULL, 0, 0}}, 0},
    {"UTF8String", {TEXT("CN", V_ASN1_UTF8STRING, "Test CA")}, 1},
    {"PrintableString", {TEXT("CN", V_ASN1_PRINTABLESTRING, "Test CA")}, 1},
    {"BMPString", {TEXT("CN", V_ASN1_BMPSTRING, "\0T\0e\0s\0t\0 \0C\0A")}, 1},
    {"T61String", {TEXT("CN", V_ASN1_T61STRING, "Test CA")}, 1},
    {"case", {TEXT("CN", V_ASN1_UTF8STRING, "tEST cA")}, 1},
    {"blanks", {TEXT("CN", V_ASN1_UTF8STRING, "  Test \t  CA ")}, 1},
    {"no blank", {TEXT("CN", V_ASN1_UTF8STRING, "TestCA")}, 2},
    {"another attribute", {TEXT("O", V_ASN1_UTF8STRING, "Test CA")}, 3},
    {"a kind that is not folded", {TEXT("CN", V_ASN1_NUMERICSTRING, "1 2")}, 4},
    {"the same with two blanks", {TEXT("CN", V_ASN1_NUMERICSTRING, "1  2")}, 5},
    {"and as another kind", {TEXT("CN", V_ASN1_UTF8STRING, "1 2")}, 14},
    {"letters beyond ASCII", {TEXT("CN", V_ASN1_UTF8STRING, "\xc3\xa4")}, 6},
    {"their capitals are others", {TEXT("CN", V_ASN1_UTF8STRING, "\xc3\x84")}, 7},
    {"as BMPString", {TEXT("CN", V_ASN1_BMPSTRING, "\0\xe4")}, 6},
    {"blanks only", {TEXT("CN", V_ASN1_UTF8STRING, "  ")}, 8},
    {"an empty text", {TEXT("CN", V_ASN1_UTF8STRING, "")}, 8},
    {"two", {TEXT("O", V_ASN1_UTF8STRING, "x"), TEXT("CN", V_ASN1_UTF8STRING, "y")}, 9},
    {"the other way round",
     {TEXT("CN", V_ASN1_UTF8STRING, "y"), TEXT("O", V_ASN1_UTF8STRING, "x")},
     10},
    {"as one relative name",
     {TEXT("O", V_ASN1_UTF8STRING, "x"), JOINED("CN", V_ASN1_UTF8STRING, "y")},
     11},
    {"as one, the other way round",
     {TEXT("CN", V_ASN1_UTF8STRING, "Y"), JOINED("O", V_ASN1_UTF8STRING, "x")},
     11},
    {"one of three", {TEXT("CN", V_ASN1_UTF8STRING, "x")}, 12},
    {"two of three", {TEXT("CN", V_ASN1_UTF8STRING, "x"), TEXT("CN", V_ASN1_UTF8STRING, "x")}, 13},
};

static X509_NAME *name_of(const char *says, const struct attribute v[3])
{
    unsigned char *der = NULL;
    X509_NAME *made = X509_NAME_new();
    assert_non_null(made);
    for (size_t i = 0; i < 3 && v[i].field != NULL; i++) {
        if (X509_NAME_add_entry_by_txt(made, v[i].field, v[i].type,
                                       (const unsigned char *)v[i].value, v[i].n, -1,
                                       v[i].set) != 1) {
            fail_msg("%s: %s", says, v[i].field);
        }
    }
    /* Through DER, as names come. */
    int n = i2d_X509_NAME(made, &der);
    const unsigned char *p = der;
    X509_NAME *name = d2i_X509_NAME(NULL, &p, n);
    assert_non_null(name);
    OPENSSL_free(der);
    X509_NAME_free(made);
    return name;
}

static bool same_digest(const X509_NAME *one, const X509_NAME *other)
{
    unsigned char a[NAME_DIGEST];
    unsigned char b[NAME_DIGEST];
    assert_int_equal(name_digest(one, a), 0);
    assert_int_equal(name_digest(other, b), 0);
    return memcmp(a, b, NAME_DIGEST) == 0;
}

static void check_pair(size_t i, size_t k)
{
    X509_NAME *one = name_of(rows[i].says, rows[i].v);
    X509_NAME *other = name_of(rows[k].says, rows[k].v);
    bool same = same_digest(one, other);
    bool wanted = rows[i].group == rows[k].group;
    if (same != wanted || same != (X509_NAME_cmp(one, other) == 0)) {
        fail_msg("%s, %s: %d", rows[i].says, rows[k].says, same);
    }
    X509_NAME_free(one);
    X509_NAME_free(other);
}

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t k = 0; k < ROWS(rows); k++) {
            check_pair(i, k);
        }
    }
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
