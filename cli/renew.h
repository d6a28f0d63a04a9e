/* countersign cert renew: a holder's own certificate, renewed through the proxy. */
#ifndef CLI_RENEW_H
#define CLI_RENEW_H

#include <stdbool.h>

#include "cli/renew_ask.h"
#include "cli/renew_pair.h"

/* How a try ends; the numbers are exit statuses. */
enum renew_end {
    RENEW_DONE = 0,    /* renewed, or not due */
    RENEW_LATER = 1,   /* trying again may help */
    RENEW_WAITS = 3,   /* for operators */
    RENEW_REFUSED = 4, /* the same again gets the same answer */
    RENEW_OVER = 5,    /* the certificate has expired: only a new approval helps */
    RENEW_HOOK = 6,    /* renewed, but the hook failed */
};

struct renew {
    struct renew_place place;
    struct renew_server server;
    const char *anchors; /* PEM file of the CAs that clients' certificates are of; NULL: those
                          * behind the present one */
    const char *kind;    /* of the new key; NULL: as the present one */
    const char *hook;    /* NULL: none */
    bool force;          /* also if it is not due */
};

/* What a try found out. */
struct renew_result {
    int64_t due_ms;       /* when it is due, the new one if there is one; 0: not known */
    int64_t not_after_ms; /* its end; 0: not known */
    bool renewed;
    uint32_t retry_after_s;
    struct err err;
};

/* Renew it if it is due; on standard output and standard error, what was done or has failed. Not
 * due: RENEW_DONE, nothing said and out->renewed false. */
enum renew_end renew_try(const struct renew *r, struct renew_result *out);

/* Read it, and tell nothing but in out: RENEW_DONE, or what renew_try() would end with before it
 * asks anybody. */
enum renew_end renew_look(const struct renew *r, struct renew_result *out);

/* On standard output: until when it is good, and when it is due. */
void renew_say_due(const struct renew *r, const struct renew_result *out);

/* Run the hook. Returns RENEW_DONE or RENEW_HOOK with a complaint on standard error. */
enum renew_end renew_tell(const struct renew *r);

/* Complain on standard error, with what it means and what to do. */
void renew_complain(enum renew_end end, const struct renew_result *out);

/* Go on until SIGTERM or SIGINT: renew when it is due, try again what failed, look at once at
 * SIGHUP. Returns the exit status. */
int renew_daemon(struct renew *r);

/* countersign cert renew. */
int renew_main(int argc, char **argv);

#endif
