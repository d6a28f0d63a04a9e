/* The two ends of a session's cipher octets: what was received and not yet read by OpenSSL, and
 * what OpenSSL wrote and nobody sent yet. Private to proxy/tls. */
#ifndef PROXY_TLS_BIO_H
#define PROXY_TLS_BIO_H

#include <stdbool.h>

#include <openssl/bio.h>

#include "base/buf.h"
#include "base/str.h"

struct bio_ends {
    struct str lent; /* borrowed input; read after what is kept */
    struct buf kept; /* input that outlived its lending */
    struct buf out;
    size_t mark;   /* octets that out held when input was read last */
    bool out_full; /* out could not take everything: over its cap, or no memory */
    bool started;  /* first is valid */
    char first;    /* the first octet that was ever read */
};

/* Prepare e, empty, with caps for the two buffers. */
void bio_ends_init(struct bio_ends *e, size_t kept_max, size_t out_max);

/* Free the buffers of e. */
void bio_ends_fini(struct bio_ends *e);

/* Octets of input that were not read. */
size_t bio_ends_unread(const struct bio_ends *e);

/* The first n octets of the input in out[n], fewer if there are fewer; returns how many. They stay
 * unread. */
size_t bio_ends_peek(const struct bio_ends *e, char *out, size_t n);

/* The first n octets of the input, of which there are as many, in one piece; they stay unread. NULL
 * without memory. Good until the next call on e. */
const char *bio_ends_front(struct bio_ends *e, size_t n);

/* The first n octets of the input, of which there are as many, were read. */
void bio_ends_consume(struct bio_ends *e, size_t n);

/* What was written since input was read last; borrowed. Nobody may have taken from out since. */
struct str bio_ends_written(const struct bio_ends *e);

/* The method of BIOs that read and write a struct bio_ends without buffers of their own. NULL on
 * failure. BIO_meth_free() when the last BIO of it is gone. */
BIO_METHOD *bio_method_new(void);

/* A BIO on e (borrowed as long as the BIO lives), or NULL. */
BIO *bio_new(const BIO_METHOD *method, struct bio_ends *e);

#endif
