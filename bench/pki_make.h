/* Keys and certificates of a load test, made in memory: a CA, a server, clients by the thousand, a
 * revocation list. What is the same for all clients is made once. After pki_make_new() any number
 * of threads may issue at once; nothing else here may run beside them. */
#ifndef BENCH_PKI_MAKE_H
#define BENCH_PKI_MAKE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/err.h"

struct pki_make;

struct pki_make_options {
    const char *key;          /* one of pki_make_key_types() */
    unsigned days;            /* how long everything is good, from an hour ago */
    const char *const *names; /* of the server, besides localhost and 127.0.0.1 and ::1 */
    size_t name_count;
    size_t shared_keys; /* clients share so many keys in turn; 0: each has its own */
};

/* The types of keys that can be made, ended by NULL: "p256", ... */
const char *const *pki_make_key_types(void);

/* A CA, and the keys to be shared if any. o is not kept. NULL with e: an unknown type of key, a
 * name that cannot stand in a certificate, no memory. */
struct pki_make *pki_make_new(const struct pki_make_options *o, struct err *e);

/* Free it; NULL is fine. Wipes the keys. */
void pki_make_free(struct pki_make *p);

/* The CA's certificate and its key, as PEM appended to out (either may be NULL). Returns 0 or a
 * negative err_code with e. */
int pki_make_ca(struct pki_make *p, struct buf *cert, struct buf *key, struct err *e)
    __attribute__((warn_unused_result));

/* A server's certificate and its key, likewise. */
int pki_make_server(struct pki_make *p, struct buf *cert, struct buf *key, struct err *e)
    __attribute__((warn_unused_result));

/* Certificate and then key of client number index (from 0), whose common name and e-mail address
 * are both name: PEM appended to out. Any thread. Returns as above. */
int pki_make_client(struct pki_make *p, size_t index, const char *name, struct buf *out,
                    struct err *e) __attribute__((warn_unused_result));

/* A revocation list of the CA with count random serial numbers, none of them of a certificate
 * issued here: PEM appended to out. Returns as above. */
int pki_make_crl(struct pki_make *p, size_t count, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
