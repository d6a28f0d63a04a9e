/* Handing a certificate over to somebody who brings no signing request: an operator registers them,
 * a one-time code goes to them, and for the code there is a PKCS#12 file, once. The key is made
 * here for that file and is nowhere else; it is on no disk.
 *
 * Two things must reach the person by two ways: the code (with the link to the page where it is
 * given back), and the password of the file. Each goes out by its notifier if there is one, and is
 * shown to the operator who has the code made if there is none. */
#ifndef CA_HANDOVER_H
#define CA_HANDOVER_H

#include <stdbool.h>

#include "base/buf.h"
#include "ca/code.h"
#include "ca/life.h"
#include "ca/notify.h"
#include "ca/people.h"
#include "ca/request.h"

#define HANDOVER_PATH     "/ca/pages/enrol/" /* of the page, with the id of the request behind */
#define HANDOVER_LINK_MAX 576
#define HANDOVER_FILE_MAX 65536

/* What it works with; borrowed. */
struct handover {
    const struct life *life; /* with key and people */
    struct notify *notify;   /* NULL: what would go out is shown */
};

struct handover_person {
    struct str user;    /* the account's name: an e-mail */
    struct str company; /* empty: the account's, or else the profile's */
    struct str profile;
};

/* Register a person; o must be an operator of the profile. It is decided as every request is
 * (request_approve(): who registers does not agree to it), or approved at once if the profile asks
 * for no approval. Nothing is signed before the code is given back. Returns 0 with *id,
 * -ERR_NOT_FOUND (no such profile or account), -ERR_DENIED (not an operator, account closed,
 * another company than the account's or the profile's), -ERR_MALFORMED (user or company),
 * -ERR_EXISTS (is registered and has not come yet; e names the request), or another, with e. */
int handover_register(const struct handover *h, const struct request_operator *o,
                      const struct handover_person *p, struct life_id *id, struct err *e)
    __attribute__((warn_unused_result));

/* What an operator is told when a code was made. Secret: handover_told_wipe(). */
struct handover_told {
    struct life_id id;                /* the request that the code is for */
    char link[HANDOVER_LINK_MAX + 1]; /* no secret; empty: ca.public_url is not given */
    char code[CODE_TEXT_LEN + 1];     /* to be passed on; empty: it goes out by the notifier */
    char password[CODE_TEXT_LEN + 1]; /* by another way; empty: it goes out after the download */
    int64_t ends_ms;                  /* wall clock; the code is good until then */
};

/* Have a code made for a registered request that is approved; the one before is dead. If the
 * certificate was given out and never seen in use, it is withdrawn for good and a request with the
 * same agreements takes its place: told->id is that one's. o must be an operator of the profile.
 * Returns 0, -ERR_NOT_FOUND, -ERR_DENIED (not an operator, account closed), -ERR_CLOSED (not
 * registered, not approved yet, in use, or at its end), or another, with e. */
int handover_code(const struct handover *h, const struct request_operator *o, struct str id,
                  struct handover_told *told, struct err *e) __attribute__((warn_unused_result));

void handover_told_wipe(struct handover_told *told);

/* Somebody comes with a code. */
struct handover_visit {
    struct str id;     /* as in the link */
    struct str code;   /* as typed */
    struct str csr;    /* their own signing request; empty: key and PKCS#12 file are made here */
    struct str user;   /* whom the proxy's route has let in; empty: it lets in everybody */
    struct str origin; /* address, for the record */
};

/* What they get; handover_gift_wipe() in any case. */
struct handover_gift {
    struct buf file;                  /* PKCS#12, or (with csr) the certificates as PEM */
    const char *type;                 /* media type; a literal */
    char name[64];                    /* of the file: letters, digits, ".", "_", "-" */
    char password[CODE_TEXT_LEN + 1]; /* of the file; never for the visitor; empty: has gone out */
};

/* Give the certificate for the code, once. Tries are counted before the code is compared, and only
 * those (nothing is, where memory or the database fails before that); when there are
 * conf_ca.code_tries of them, the code is dead; so it is once its end was seen or anything was
 * recorded after it, also if the clock is set back. Before it was made, less a minute, it is not
 * good. Of several who come at once one gets it. The request is issued then, and
 * handover_arrived() says when the file is out. Returns 0 with g,
 * -ERR_MALFORMED (that can be no code; not counted), -ERR_DENIED (wrong code, or no such request:
 * the same words; code dead, over or used; account closed; another user than the one let in; csr
 * not good for the person: not counted), -ERR_CLOSED (the request is not approved any more),
 * -ERR_EXISTS (csr's key), or another, with e. */
int handover_redeem(const struct handover *h, const struct handover_visit *v,
                    struct handover_gift *g, struct err *e) __attribute__((warn_unused_result));

void handover_gift_wipe(struct handover_gift *g);

/* The file has been sent: from issued it becomes delivered. Returns 0 or a negative err_code with
 * e. */
int handover_arrived(const struct life *l, struct str id, struct err *e)
    __attribute__((warn_unused_result));

/* Codes whose time is over are marked so. A certificate whose file nobody got (the process died,
 * the connection broke) is withdrawn, and a request with the same agreements takes its place, for
 * which an operator has a code made. *lost: how many. Returns 0 or a negative err_code with e. */
int handover_tick(const struct life *l, size_t *lost, struct err *e)
    __attribute__((warn_unused_result));

#endif
