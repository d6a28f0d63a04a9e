/* Owns: the one spelling of a name that is digested. Leaves what the digest is for to deny. Any
 * thread. */
#include "auth/revoke/name_digest.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/err.h"
#include "base/str.h"

enum { ATTRIBUTES_MAX = 32 /* of one relative name */ };

static bool is_text(int type)
{
    switch (type) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_T61STRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_VISIBLESTRING:
        return true;
    default:
        return false;
    }
}

static bool is_white(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Bring n octets of UTF-8 into their one form, in place. Returns how many are left. */
static size_t fold(unsigned char *p, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_white(p[i])) {
            p[to++] = (unsigned char)str_lower((char)p[i]);
        } else if (to > 0 && p[to - 1] != ' ') {
            p[to++] = ' ';
        }
    }
    return to > 0 && p[to - 1] == ' ' ? to - 1 : to;
}

static bool digest_value(EVP_MD_CTX *md, const ASN1_STRING *value)
{
    unsigned char *text = NULL;
    int type = ASN1_STRING_type(value);
    unsigned char tag = is_text(type) ? V_ASN1_UTF8STRING : (unsigned char)type;
    if (!is_text(type)) {
        return EVP_DigestUpdate(md, &tag, 1) == 1 &&
               EVP_DigestUpdate(md, ASN1_STRING_get0_data(value),
                                (size_t)ASN1_STRING_length(value)) == 1;
    }
    int n = ASN1_STRING_to_UTF8(&text, value);
    bool ok = n >= 0 && EVP_DigestUpdate(md, &tag, 1) == 1 &&
              EVP_DigestUpdate(md, text, fold(text, (size_t)n)) == 1;
    OPENSSL_free(text);
    return ok;
}

static bool digest_attribute(EVP_MD_CTX *md, const X509_NAME_ENTRY *entry,
                             unsigned char out[NAME_DIGEST])
{
    const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
    size_t n = OBJ_length(type);
    unsigned char length = (unsigned char)n;
    return n <= UINT8_MAX && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
           EVP_DigestUpdate(md, &length, 1) == 1 &&
           EVP_DigestUpdate(md, OBJ_get0_data(type), n) == 1 &&
           digest_value(md, X509_NAME_ENTRY_get_data(entry)) &&
           EVP_DigestFinal_ex(md, out, NULL) == 1;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, NAME_DIGEST);
}

/* The relative name that begins with attribute *i into whole; *i is then behind it. */
static bool digest_relative(EVP_MD_CTX *whole, EVP_MD_CTX *one, const X509_NAME *name, int *i)
{
    unsigned char parts[ATTRIBUTES_MAX][NAME_DIGEST];
    unsigned char n = 0;
    int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, *i));
    for (; *i < X509_NAME_entry_count(name); ++*i) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, *i);
        if (X509_NAME_ENTRY_set(entry) != set) {
            break;
        }
        if (n == ATTRIBUTES_MAX || !digest_attribute(one, entry, parts[n])) {
            return false;
        }
        n++;
    }
    qsort(parts, n, NAME_DIGEST, compare);
    return EVP_DigestUpdate(whole, &n, 1) == 1 &&
           EVP_DigestUpdate(whole, parts, (size_t)n * NAME_DIGEST) == 1;
}

int name_digest(const X509_NAME *name, unsigned char digest[NAME_DIGEST])
{
    EVP_MD_CTX *whole = EVP_MD_CTX_new();
    EVP_MD_CTX *one = EVP_MD_CTX_new();
    bool ok = whole != NULL && one != NULL && EVP_DigestInit_ex(whole, EVP_sha256(), NULL) == 1;
    int i = 0;
    while (ok && i < X509_NAME_entry_count(name)) {
        ok = digest_relative(whole, one, name, &i);
    }
    ok = ok && EVP_DigestFinal_ex(whole, digest, NULL) == 1;
    EVP_MD_CTX_free(one);
    EVP_MD_CTX_free(whole);
    return ok ? 0 : -ERR_CRYPTO;
}
