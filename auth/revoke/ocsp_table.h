/* What OCSP responders have said, in memory that the helper process writes and every worker reads.
 * A fixed number of places: what was asked about longest ago gives way. */
#ifndef AUTH_REVOKE_OCSP_TABLE_H
#define AUTH_REVOKE_OCSP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OCSP_KEY 32 /* octets of a certificate's SHA-256 */

/* Zero means that nothing is known. */
enum ocsp_status {
    OCSP_STATUS_NONE = 0,
    OCSP_STATUS_FAILED,  /* no answer could be had */
    OCSP_STATUS_UNKNOWN, /* the responder does not know the certificate */
    OCSP_STATUS_REVOKED,
    OCSP_STATUS_GOOD
};

struct ocsp_entry {
    enum ocsp_status status;
    int64_t until_s;   /* wall clock; from here on it counts as NONE */
    int64_t refresh_s; /* from here on it is to be asked about again */
    int64_t this_s;    /* when the responder knew it to be so (thisUpdate); kept over failures */
};

struct ocsp_table;

/* A table of places entries (rounded up) in memory shared with processes forked later; NULL on
 * failure. */
struct ocsp_table *ocsp_table_new(size_t places);

/* NULL is fine. */
void ocsp_table_free(struct ocsp_table *t);

/* What is known about key, status NONE if nothing. Any process, any thread; never waits. */
struct ocsp_entry ocsp_table_get(const struct ocsp_table *t, const unsigned char key[OCSP_KEY]);

/* Note e for key. Only one thread of one process at a time. */
void ocsp_table_put(struct ocsp_table *t, const unsigned char key[OCSP_KEY],
                    const struct ocsp_entry *e);

/* Grows whenever an answer REVOKED is noted that was not there before. Any process. */
uint64_t ocsp_table_revocations(const struct ocsp_table *t);

#endif
