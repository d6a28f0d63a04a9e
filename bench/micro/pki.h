/* Throw-away keys and certificates for the small benchmarks. A failure ends the program. */
#ifndef BENCH_MICRO_PKI_H
#define BENCH_MICRO_PKI_H

#include <stdbool.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

/* The kinds of key: "p256", "rsa2048"; and whether the clients' CA signs for the server, too. */
struct pki_kinds {
    const char *server;
    const char *client;
    bool one_ca;
};

#define PKI_CLIENTS 64

/* Two roots or one, one server, some clients. */
struct pki {
    EVP_PKEY *server_root_key; /* NULL with one_ca, and so the next */
    X509 *server_root;
    EVP_PKEY *root_key;
    X509 *root; /* of the clients */
    EVP_PKEY *server_key;
    X509 *server;
    EVP_PKEY *client_keys[PKI_CLIENTS];
    X509 *clients[PKI_CLIENTS];
};

/* Make all of it. CAs have keys of the kind of those that they sign for. */
void pki_make(struct pki *p, const struct pki_kinds *kinds);

/* Free what p holds. */
void pki_free(struct pki *p);

/* PEM texts, to be freed with free(). */
char *pki_cert_text(X509 *x);
char *pki_key_text(EVP_PKEY *key);

#endif
