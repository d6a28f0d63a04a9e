/* One call of the CA's process: who asks, and what every way in (API, EST) does with that. Private
 * to ca. */
#ifndef CA_CALL_H
#define CA_CALL_H

#include <stdbool.h>

#include "base/log.h"
#include "ca/http.h"
#include "ca/life.h"
#include "ca/people.h"
#include "ca/request.h"

#define CALL_FORM_KEY 32

struct entry_way;
struct notify;

/* What calls work with; borrowed, alive as long as it serves. */
struct service {
    struct life life;
    struct notify *notify;         /* NULL: none */
    const char *user_field;        /* where the proxy says who asks */
    const char *fingerprint_field; /* and with which certificate */
    struct log *log;               /* NULL: none */
    bool (*publish)(void *arg);    /* withdrawals are in force when it returns true */
    void *publish_arg;
    const struct entry_way *ways; /* further ways in, beside those of entry.c */
    size_t way_count;
    int64_t journal_seq;                   /* the last entry of the record that has its line */
    unsigned char form_key[CALL_FORM_KEY]; /* of this process: for what its pages hand out */
};

struct call {
    struct service *service;
    const struct http_request *request;
    struct http_reply *reply;
    struct user *user; /* the account of who asks */
    struct request_operator self;
    struct str id;               /* what stands in the path behind the noun */
    char name[768];              /* of who asks; the proxy writes an octet as three at most */
    bool code_refused;           /* it came with a one-time code, which was not taken */
    char tried[LIFE_ID_LEN + 1]; /* for this request; empty: for none that there can be */
    struct err err;
};

/* The account of the one whom the proxy names; nobody else comes in. Returns 0, -ERR_DENIED,
 * -ERR_UNAVAILABLE (the users' store fails), or another, with c->err. call_end() in any case. */
int call_identify(struct call *c) __attribute__((warn_unused_result));
void call_end(struct call *c);

/* The fingerprint of the certificate that was shown, as 32 octets into out; false: none was. */
bool call_fingerprint(const struct call *c, unsigned char out[32]);

/* The request whose certificate was shown. Returns 0 with *id and profile (size octets, NUL-ended),
 * -ERR_DENIED (none was shown), -ERR_NOT_FOUND (not of this CA), or another, with c->err. */
int call_shown(struct call *c, struct life_id *id, char *profile, size_t size)
    __attribute__((warn_unused_result));

/* Where a browser says that a request comes from (Sec-Fetch-Site, Origin). Programs say nothing. */
enum call_origin {
    CALL_ORIGIN_UNTOLD,
    CALL_ORIGIN_OWN,   /* from this very address */
    CALL_ORIGIN_OTHER, /* from another site, or from none */
};

enum call_origin call_origin(const struct call *c);

/* The status that stands for a negative err_code. */
unsigned call_status(int rc);

/* Whether who asks decides about requests of a profile, or of any. */
bool call_is_operator(const struct call *c, struct str profile);
bool call_is_any_operator(const struct call *c);

/* What somebody wants for themselves. */
struct call_wish {
    struct str csr;
    struct str profile; /* empty: the only one there is */
    struct str renews;  /* as in struct request_filing; held if its certificate is the one shown */
};

/* Read, check and file it. Returns 0 with *id, or a negative err_code with c->err. */
int call_file(struct call *c, const struct call_wish *w, struct life_id *id)
    __attribute__((warn_unused_result));

/* Sign it if nobody needs to be asked any more. What cannot be signed now is tried again later. */
void call_issue(const struct call *c, struct str id);

#endif
