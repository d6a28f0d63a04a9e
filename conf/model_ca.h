/* The part of the configuration that says how certificates are issued. As model.h. */
#ifndef CONF_MODEL_CA_H
#define CONF_MODEL_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/model_text.h"

/* What a public key of a request may be. Bits of conf_ca_profile.keys. */
enum conf_ca_key {
    CONF_CA_KEY_P256 = 0,
    CONF_CA_KEY_P384,
    CONF_CA_KEY_ED25519,
    CONF_CA_KEY_RSA /* of rsa_bits_min and more */
};

/* How a kind of certificate is asked for and what it looks like. */
struct conf_ca_profile {
    struct conf_text name;
    uint32_t life_days;
    uint32_t overlap_ms; /* after a renewal the old one is good for so long */
    uint32_t keys;       /* 1 << enum conf_ca_key, or-ed */
    uint32_t rsa_bits_min;
    uint32_t approvals;          /* operators who must agree; 0: none is asked */
    struct conf_texts operators; /* groups whose members may decide */
    struct conf_text company;    /* organizationName; p NULL: as asked for, but there must be one */
    bool insecure_any_subject;   /* the user of the request need not be known to the users' store */
    struct conf_pos at;
};

/* p of certificate NULL: this proxy issues nothing. */
struct conf_ca {
    struct conf_text certificate; /* the issuing CA's, PEM */
    struct conf_text chain;       /* what stands above it, PEM; p NULL: nothing to add */
    struct conf_text key;         /* a path or a "pkcs11:" URI */
    struct conf_text key_passphrase_file;
    struct conf_text store;    /* the database */
    struct conf_text socket;   /* where the CA's process serves HTTP for the proxy */
    struct conf_text user;     /* it runs as; p NULL: unchanged */
    struct conf_text crl_file; /* the list is written here, PEM; p NULL: nowhere */
    uint32_t crl_life_ms;
    struct conf_ca_profile *profiles;
    size_t profile_count;
    struct conf_pos at;
};

#endif
