/* What a struct trust holds, shared by loading (trust_load.c) and judging (trust.c) alone. */
#ifndef AUTH_TRUST_SET_H
#define AUTH_TRUST_SET_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "auth/revoke/crl.h"
#include "conf/model.h"

struct trust {
    unsigned refs;
    X509_STORE *store;           /* the anchors, and CRLs if crl_openssl */
    STACK_OF(X509) * anchors;    /* the same */
    STACK_OF(X509) * helpers;    /* bundle certificates whose issuer is in the bundle too */
    STACK_OF(X509_NAME) * names; /* of the anchors, each once */
    struct crl_set *crls;
    bool crl_wanted; /* the policy names a CRL */
    bool crl_leaf_only;
    bool crl_openssl; /* OpenSSL is asked about CRLs as well */
    bool insecure_expired_crl;
    uint32_t crl_grace_ms;
    struct conf_ocsp ocsp;
    char *responder;         /* owned: what ocsp.responder points to */
    struct ocsp_desk *desk;  /* borrowed; NULL: nobody can be asked */
    struct certcache *cache; /* borrowed; NULL: nothing is remembered */
    bool partial;            /* an anchor is not self-signed */
    int depth_max;
    int64_t ca_expiry_s;
    unsigned char id[32];
};

/* name as text (RFC 2253), cut to size, in out, which is returned; "" without memory. */
const char *trust_name_text(const X509_NAME *name, char *out, size_t size);

#endif
