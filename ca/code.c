/* Owns: the alphabet, and what is derived from a code. */
#include "ca/code.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/mem.h"
#include "ca/library.h"

#define GROUP    4
#define BITS     5 /* of a letter */
#define CHARS    (CODE_OCTETS * 8 / BITS)
#define MESSAGE  128
#define NO_VALUE 0xffU

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void write_text(struct code *c)
{
    size_t at = 0;
    for (unsigned i = 0; i < CHARS; i++) {
        unsigned value = 0;
        for (unsigned bit = i * BITS; bit < (i + 1) * BITS; bit++) {
            value = value << 1U | ((unsigned)c->octets[bit / 8] >> (7U - bit % 8) & 1U);
        }
        if (i > 0 && i % GROUP == 0) {
            c->text[at++] = '-';
        }
        c->text[at++] = letters[value];
    }
    c->text[at] = '\0';
}

static unsigned value_of(char typed)
{
    char c = typed;
    if (c >= 'a' && c <= 'z') {
        c = (char)(c - 'a' + 'A');
    }
    if (c == 'O') {
        c = '0';
    } else if (c == 'I' || c == 'L') {
        c = '1';
    }
    const char *found = c != '\0' ? strchr(letters, c) : NULL;
    return found != NULL ? (unsigned)(found - letters) : NO_VALUE;
}

/* HMAC-SHA256 with the code as key over word, id and salt. */
static bool derive(const struct code *c, const char *word, struct str id, struct str salt,
                   unsigned char out[CODE_HASH])
{
    unsigned char message[MESSAGE];
    size_t n = strlen(word) + 1; /* the NUL ends the word */
    unsigned length = 0;
    if (n + id.n + salt.n > sizeof(message)) {
        return false;
    }
    memcpy(message, word, n);
    memcpy(message + n, id.p, id.n);
    if (salt.n > 0) {
        memcpy(message + n + id.n, salt.p, salt.n);
    }
    return HMAC(EVP_sha256(), c->octets, CODE_OCTETS, message, n + id.n + salt.n, out, &length) !=
               NULL &&
           length == CODE_HASH;
}

int code_make(struct str id, struct code *c, struct code_kept *kept, struct err *e)
{
    if (RAND_priv_bytes(c->octets, CODE_OCTETS) != 1 || RAND_bytes(kept->salt, CODE_SALT) != 1 ||
        !derive(c, "code", id, STR_NONE, kept->hash)) {
        code_wipe(c);
        return library_failed(e, ERR_CRYPTO, "the library has no random numbers");
    }
    write_text(c);
    return 0;
}

int code_read(struct str typed, struct code *c, struct err *e)
{
    unsigned bits = 0;
    *c = (struct code){.text = ""};
    for (size_t i = 0; i < typed.n && typed.n <= CODE_INPUT_MAX; i++) {
        unsigned value = value_of(typed.p[i]);
        if (value == NO_VALUE && (typed.p[i] == '-' || typed.p[i] == ' ' || typed.p[i] == '\t')) {
            continue;
        }
        if (value == NO_VALUE || bits == CHARS * BITS) {
            bits = 0;
            break;
        }
        for (unsigned k = 0; k < BITS; k++, bits++) {
            unsigned one = value >> (BITS - 1 - k) & 1U;
            c->octets[bits / 8] = (unsigned char)(c->octets[bits / 8] | one << (7U - bits % 8));
        }
    }
    if (bits != CHARS * BITS) {
        code_wipe(c);
        return err_set(e, ERR_MALFORMED, "a code has %d letters and digits, in groups of %d", CHARS,
                       GROUP);
    }
    write_text(c);
    return 0;
}

int code_hash(const struct code *c, struct str id, unsigned char hash[CODE_HASH], struct err *e)
{
    return derive(c, "code", id, STR_NONE, hash)
               ? 0
               : library_failed(e, ERR_CRYPTO, "the code cannot be looked at");
}

bool code_is(const unsigned char hash[CODE_HASH], const struct code_kept *kept)
{
    return mem_equal_secret(hash, kept->hash, CODE_HASH);
}

int code_password(const struct code *c, struct str id, const struct code_kept *kept,
                  struct code *password, struct err *e)
{
    unsigned char octets[CODE_HASH];
    if (!derive(c, "password", id, (struct str){(const char *)kept->salt, CODE_SALT}, octets)) {
        return library_failed(e, ERR_CRYPTO, "the password cannot be derived");
    }
    memcpy(password->octets, octets, CODE_OCTETS);
    mem_wipe(octets, sizeof(octets));
    write_text(password);
    return 0;
}

void code_wipe(struct code *c)
{
    mem_wipe(c, sizeof(*c));
}
