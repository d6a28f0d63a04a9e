/* The key of a renewal that was begun and has not ended. */
#ifndef CLI_RENEW_BEGUN_H
#define CLI_RENEW_BEGUN_H

#include "cli/renew_pair.h"

/* It stands in CERTIFICATE.renewing, which is also the lock: one renewal of a certificate at a
 * time. */
struct renew_begun {
    int fd; /* -1: none */
    char path[4096];
};

/* Lock it, and give the key in it if there is one; otherwise a new one, of kind (as authority_key()
 * names it) or, where that is NULL, of the kind of like's, which is on the disk then, encrypted if
 * like's is. Returns 0 with *key (EVP_PKEY_free), -ERR_BUSY (another renewal is at it), -ERR_IO,
 * -ERR_UNSUPPORTED, or another, with e. renew_begun_end() in any case. */
int renew_begun_open(const struct renew_place *place, const struct renew_pair *like,
                     const char *kind, struct renew_begun *b, EVP_PKEY **key, struct err *e)
    __attribute__((warn_unused_result));

/* Unlock; over: the key is not needed any more, and the file goes. */
void renew_begun_end(struct renew_begun *b, bool over);

#endif
