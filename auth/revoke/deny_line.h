/* One line of a deny file: reading, writing, comparing.
 *
 *   serial=0A1B issuer=<digest of the issuer's name, hex> [field]...
 *   fingerprint=<SHA-256 of the certificate, hex> [field]...
 *   user=alice@example.com [field]...
 *
 * Fields are parted by blanks, each at most once; a value with blanks stands in quotation marks, in
 * which \" and \\ stand for the two. Further fields: reason (a name of RFC 5280 5.3.1), date and
 * until (2026-11-21T18:16:54Z: when it was withdrawn, until when the entry is kept), subject and
 * issuer_name (for people, never compared). Empty lines and those that begin with '#' are skipped.
 *
 * The issuer's digest is that of name_digest(), which is one for all spellings of a name, or
 * SHA-256 of its DER form: then only certificates are meant that spell it just so. */
#ifndef AUTH_REVOKE_DENY_LINE_H
#define AUTH_REVOKE_DENY_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define DENY_DIGEST     32
#define DENY_SERIAL_MAX 128 /* hex digits: 64 octets */
#define DENY_TEXT_MAX   511

enum deny_kind { DENY_SERIAL = 0, DENY_FINGERPRINT, DENY_USER, DENY_KIND_COUNT };

/* RFC 5280 5.3.1, but for removeFromCRL, which withdraws nothing. Zero is withdrawn. */
enum deny_reason {
    DENY_UNSPECIFIED = 0,
    DENY_KEY_COMPROMISE,
    DENY_CA_COMPROMISE,
    DENY_AFFILIATION_CHANGED,
    DENY_SUPERSEDED,
    DENY_CESSATION_OF_OPERATION,
    DENY_CERTIFICATE_HOLD,
    DENY_PRIVILEGE_WITHDRAWN,
    DENY_AA_COMPROMISE,
    DENY_NOT_LISTED
};

struct deny_entry {
    enum deny_kind kind;
    enum deny_reason reason;
    int64_t date_s;  /* INT64_MIN: not told */
    int64_t until_s; /* INT64_MAX: for ever */
    unsigned char issuer[DENY_DIGEST];
    unsigned char spelled[DENY_DIGEST]; /* the other digest that a line may have instead; cleared
                                           where it is not known, as in what was read */
    unsigned char fingerprint[DENY_DIGEST];
    char serial[DENY_SERIAL_MAX + 1]; /* upper-case hex in whole octets, as in struct identity */
    char user[256];
    char subject[DENY_TEXT_MAX + 1]; /* "" where not told */
    char issuer_name[DENY_TEXT_MAX + 1];
};

/* What a fault of a line is and where. */
struct deny_fault {
    const char *what;
    const char *help; /* NULL: none */
    size_t column;    /* from 1, in octets */
};

/* An entry of kind with nothing told. */
void deny_entry_init(struct deny_entry *e, enum deny_kind kind);

/* True for a line that holds no entry. line: without its line feed. */
bool deny_line_is_blank(struct str line);

/* Read line into e. False with fault. */
bool deny_line_read(struct str line, struct deny_entry *e, struct deny_fault *fault);

/* Append e as a line with its line feed. Returns as buf_append. */
int deny_line_write(const struct deny_entry *e, struct buf *out)
    __attribute__((warn_unused_result));

/* True if both withdraw the same thing, whatever the reason; by serial number also if a has the
 * issuer as b spells it. Users are compared octet by octet. */
bool deny_entry_same(const struct deny_entry *a, const struct deny_entry *b);

/* False only if line surely does not withdraw what e does, whatever the rule for users' names: a
 * glance at how it begins, for a search through a long file. */
bool deny_line_may_be(struct str line, const struct deny_entry *e);

/* The name of a reason, "" for DENY_NOT_LISTED; and the reason of a name, or DENY_NOT_LISTED. */
const char *deny_reason_name(enum deny_reason r);
enum deny_reason deny_reason_find(struct str name);

/* Hex digits, upper or lower case, perhaps with colons between octets, as a serial number: upper
 * case, whole octets, no leading "00" but for 0. False if it is none or too long. */
bool deny_serial_read(struct str text, char out[DENY_SERIAL_MAX + 1]);

/* 64 hex digits, perhaps with colons between octets. False if it is anything else. */
bool deny_digest_read(struct str text, unsigned char out[DENY_DIGEST]);

#endif
