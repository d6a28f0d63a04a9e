/* What the verbs that make and take over CAs share: their options, passphrases, and the files of a
 * CA's directory. */
#ifndef CLI_CA_PARTS_H
#define CLI_CA_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "ca/key_file.h"

#define CA_PATH_MAX 4352

/* Options; borrowed from the command line. NULL or 0: not given. */
struct ca_wish {
    const char *directory; /* of the CA; of the root for certify and crl */
    const char *argument;  /* the second one */
    const char *config;
    const char *name;
    const char *company;
    const char *key; /* a kind, a file or a URI */
    const char *certificate;
    const char *passphrase_file; /* of the key that is opened, and of those that are made */
    const char *write;
    const char *withdraw;
    const char *reason;
    uint32_t root_days;
    uint32_t days;
    bool encrypt; /* ask for a passphrase for what is made */
    bool root_only;
    bool issuing_only;
    bool former;
};

/* The verbs; each returns an exit status and has told what it has to. */
int ca_init(const struct ca_wish *w);    /* cli/ca_init.c */
int ca_certify(const struct ca_wish *w); /* cli/ca_root.c */
int ca_crl(const struct ca_wish *w);
int ca_crl_former(const struct ca_wish *w);
int ca_accept(const struct ca_wish *w); /* cli/ca_take.c */
int ca_import(const struct ca_wish *w);

/* Say on standard error what e holds; returns 1. */
int ca_complain(const struct err *e);

/* "DIRECTORY/name" into out, which is returned. */
const char *ca_path(const struct ca_wish *w, const char *name, char out[CA_PATH_MAX]);

/* Make w->directory unless it is there, and see that none of the names (NULL at the end) stands in
 * it. Returns 0, -ERR_EXISTS or -ERR_IO with e. */
int ca_make_room(const struct ca_wish *w, const char *const *names, struct err *e)
    __attribute__((warn_unused_result));

/* The passphrase for keys that are made: of the file, or asked for with w->encrypt, or none. The
 * caller wipes p. Returns 0, or a negative err_code with e. */
int ca_new_passphrase(const struct ca_wish *w, struct key_passphrase *p, struct err *e)
    __attribute__((warn_unused_result));

/* Ask for a passphrase, once: on the terminal, or one line of standard input where that is none.
 * The caller wipes p. Returns 0, or a negative err_code with e. */
int ca_ask(const char *prompt, struct key_passphrase *p, struct err *e)
    __attribute__((warn_unused_result));

/* p as authority_write_key() takes it. */
struct str ca_passphrase_text(const struct key_passphrase *p);

/* Open the key at where by the passphrase of the file; where there is none and one is needed it is
 * asked for. p: what there was, to be wiped by the caller. As key_file_open() else. */
int ca_open_key(const struct ca_wish *w, const char *where, struct key_passphrase *p,
                EVP_PKEY **out, struct err *e) __attribute__((warn_unused_result));

/* SHA-256 of the public key in hex, to be compared by people; empty if the library cannot. */
#define CA_PRINT_LEN 64
void ca_print_of(EVP_PKEY *key, char out[CA_PRINT_LEN + 1]);

/* The last day of x, as YYYY-MM-DD. */
void ca_last_day(const X509 *x, char out[16]);

#endif
