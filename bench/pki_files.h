/* The files of a directory that gen-pki made, and how they are read fast.
 *
 *   ca.crt ca.key        the CA
 *   ca.crl               its revocation list
 *   server.crt .key      the server, for localhost, 127.0.0.1, ::1 and the names asked for
 *   server.pem           both in one file, as HAProxy wants them
 *   clients.pem          every client: certificate and then key, in order. One file: a hundred
 *                        thousand small ones take longer to open than to parse. No octet outside
 *                        the PEM blocks, so that it can be cut at each "-----BEGIN CERTIFICATE".
 *   client.pem           the first client alone, for curl --cert
 *   users                a line "NAME USER PASSWORD" for each client, in the same order; NAME is
 * the common name of its certificate. One blank between; none within. htpasswd             a line
 * "USER:HASH" for each
 *
 * All have mode 0600, the directory 0700. */
#ifndef BENCH_PKI_FILES_H
#define BENCH_PKI_FILES_H

#define PKI_FILES_CA_CERT     "ca.crt"
#define PKI_FILES_CA_KEY      "ca.key"
#define PKI_FILES_CRL         "ca.crl"
#define PKI_FILES_SERVER_CERT "server.crt"
#define PKI_FILES_SERVER_KEY  "server.key"
#define PKI_FILES_SERVER_BOTH "server.pem"
#define PKI_FILES_CLIENTS     "clients.pem"
#define PKI_FILES_CLIENT      "client.pem"
#define PKI_FILES_USERS       "users"
#define PKI_FILES_HTPASSWD    "htpasswd"

/* Names of clients: user000000@bench.example, user000001@bench.example, ... */
#define PKI_FILES_NAME_FORMAT "user%06zu@bench.example"
#define PKI_FILES_NAME_MAX    48

#endif
