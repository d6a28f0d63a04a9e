/* The part of the configuration that says how certificates are issued. As model.h. */
#ifndef CONF_MODEL_CA_H
#define CONF_MODEL_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/model_notify.h"
#include "conf/model_text.h"

/* A kind of certificate: who may have one, and how long it is good. */
struct conf_ca_profile {
    struct conf_text name;
    uint32_t life_days;
    uint32_t overlap_ms;         /* after a renewal the old one is good for so long */
    struct conf_texts keys;      /* "p256", "p384", "ed25519", "rsa" */
    uint32_t rsa_bits_min;       /* where "rsa" is one of them */
    uint32_t approvals;          /* operators who must agree; 0: none is asked */
    struct conf_texts operators; /* groups whose members decide; "local:NAME": Unix groups */
    struct conf_text company;    /* organizationName; p NULL: any, but there must be one */
    bool insecure_old_pkcs12;    /* files for those who read nothing newer than 3DES and SHA-1 */
    struct conf_pos at;
};

/* p of certificate NULL: nothing is issued here. */
struct conf_ca {
    struct conf_text certificate; /* the issuing CA's, PEM, and what stands above it */
    struct conf_text key;
    struct conf_text key_passphrase_file;
    struct conf_texts former_keys; /* of CAs in certificate that issue no more */
    struct conf_text store;        /* the database */
    struct conf_text socket;     /* where the CA answers the proxy; p NULL: no process of its own */
    struct conf_text user;       /* it runs as; p NULL: unchanged */
    struct conf_text crl_file;   /* the revocation list is written here; p NULL: nowhere */
    uint32_t crl_life_ms;        /* to its next update */
    struct conf_text crl_url;    /* where the world finds the revocation list; p NULL: nowhere */
    struct conf_text ocsp_url;   /* and the responder */
    struct conf_text public_url; /* where people find the CA's pages; p NULL: not told */
    uint32_t code_life_ms;       /* of a one-time code */
    uint32_t code_tries;         /* and then it is dead */
    struct conf_notify notify;
    struct conf_notifier *notifiers;
    size_t notifier_count;
    struct conf_pair *local_accounts; /* a user of this machine, and which account that is */
    size_t local_account_count;
    struct conf_ca_profile *profiles;
    size_t profile_count;
    struct conf_pos at;
};

#endif
