/* The two ends of a session's cipher octets: what was received and not yet read by OpenSSL, and
 * what OpenSSL wrote and nobody sent yet. OpenSSL reads and writes them by a BIO of ours, or, with
 * tuning.own_bio off, by two of its own, which are fed and drained. Private to proxy/tls. */
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
    size_t mark;    /* octets that out held when input was read last */
    bool out_full;  /* out could not take everything: over its cap, or no memory */
    BIO *memory_in; /* OpenSSL's own, borrowed from who reads them; NULL: it uses ours */
    BIO *memory_out;
    bool stuck;   /* octets did not fit where they were to be fed or drained to */
    bool started; /* first is valid */
    char first;   /* the first octet that was ever read */
};

/* Prepare e, empty, with caps for the two buffers. */
void bio_ends_init(struct bio_ends *e, size_t kept_max, size_t out_max);

/* Free the buffers of e. */
void bio_ends_fini(struct bio_ends *e);

/* Octets of input that were not read, those that were fed among them. */
size_t bio_ends_unread(const struct bio_ends *e);

/* The three below are for input of which none is fed. */

/* The first n octets of the input in out[n], fewer if there are fewer; returns how many. They stay
 * unread. */
size_t bio_ends_peek(const struct bio_ends *e, char *out, size_t n);

/* The first n octets of the input, of which there are as many, in one piece; they stay unread. NULL
 * without memory. Good until the next call on e. */
const char *bio_ends_front(struct bio_ends *e, size_t n);

/* The first n octets of the input, of which there are as many, were read. */
void bio_ends_consume(struct bio_ends *e, size_t n);

/* What was written since input was read last (with memory BIOs: fed last, and drained); borrowed.
 * Nobody may have taken from out since. */
struct str bio_ends_written(const struct bio_ends *e);

/* The method of BIOs that read and write a struct bio_ends without buffers of their own. NULL on
 * failure. BIO_meth_free() when the last BIO of it is gone. */
BIO_METHOD *bio_method_new(void);

/* A BIO on e (borrowed as long as the BIO lives), or NULL. */
BIO *bio_new(const BIO_METHOD *method, struct bio_ends *e);

/* Two memory BIOs of OpenSSL in e, for one SSL, which owns them. False without memory: then none is
 * left. The calls below do nothing without them. */
bool bio_ends_use_memory(struct bio_ends *e);

/* The memory BIOs are gone. */
void bio_ends_forget_memory(struct bio_ends *e);

/* Give OpenSSL the next octets of the input, about a record at most, once it has read all that it
 * was given. True if there were some. */
bool bio_ends_feed(struct bio_ends *e);

/* Move what OpenSSL wrote to out. */
void bio_ends_drain(struct bio_ends *e);

/* What was fed and not read is input again. False if there was no room: then it stays where it is.
 */
bool bio_ends_take_back(struct bio_ends *e);

/* Give back the memory of memory BIOs that are empty. */
void bio_ends_idle_memory(struct bio_ends *e);

#endif
