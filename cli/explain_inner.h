/* What the files of "countersign explain" share: explain.c is above explain_handshake.c and
 * explain_request.c, which stand beside each other. Private to them. */
#ifndef CLI_EXPLAIN_INNER_H
#define CLI_EXPLAIN_INNER_H

#include <openssl/x509.h>

#include "auth/gate.h"
#include "auth/revoke/deny.h"
#include "cli/explain_head.h"
#include "cli/explain_ocsp.h"
#include "proxy/exchange/env.h"
#include "proxy/exchange/route.h"
#include "proxy/tls/site.h"

/* Exit status. */
enum { LET_THROUGH = 0, REFUSED = 1, NO_ANSWER = 2 };

struct explain_question {
    const char *config;
    const char *certificate;
    const char *user;
    const char *listener;
    const char *name;
    const char *host;
    const char *path;
    const char *method;
    const char *ocsp; /* NULL: nothing was said of it */
    enum ocsp_status ocsp_answer;
    bool from_stdin;
    bool otp;
};

/* Everything that the answer is made of, freed together. */
struct explanation {
    const struct explain_question *q;
    struct runtime *runtime;
    size_t listener;
    const struct tls_site *site;
    X509 *leaf;
    STACK_OF(X509) * chain;
    struct identity *identity;
    struct told *told;
    struct gate_peer peer;
    const struct deny *deny; /* owned by explain.c */
    struct deny_chain keys;  /* of the chain that was built */
    struct explain_ocsp ocsp;
    struct explain_head head;
    const struct conf_route *route;
    enum route_method fits;
    struct str authorization; /* p NULL: the client sends no such field */
    struct str code;          /* borrows what explain.c wipes */
    struct pwcache *pwcache;
};

/* Print a line: what, and what there is to say of it. */
void explain_say(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Print that what ended in a refusal for why. Returns REFUSED. */
int explain_refused(const char *what, enum reason why);

/* What the handshake comes to: which site answers, what becomes of the certificate, and what it
 * says. Fills in site, peer and identity of x. Returns LET_THROUGH or REFUSED. */
int explain_handshake(struct explanation *x);

/* What becomes of the request behind it: head, route, the gate's steps, and the fields for the
 * upstream. password: the one that was sent, or that stands for one that was left out. Returns an
 * exit status. */
int explain_request(struct explanation *x, struct str password);

#endif
