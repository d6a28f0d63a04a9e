/* The files of a directory that gen-pki made.
 *
 *   ca.crt ca.key        the CA
 *   ca.crl               its revocation list
 *   server.crt .key      the server, for localhost, 127.0.0.1, ::1 and the names asked for
 *   server.pem           both in one file, as HAProxy wants them
 *   clients/NAME.pem     a client: its certificate, then its key. A file each, for curl --cert and
 *                        the like; opening it costs a tenth of what parsing its key does
 *   users                a line "NAME USER PASSWORD" for each client, in the same order; NAME is
 * the common name of its certificate. One blank between; none within. htpasswd             a line
 * "USER:HASH" for each
 *
 * Files have mode 0600, directories 0700. */
#ifndef BENCH_PKI_FILES_H
#define BENCH_PKI_FILES_H

#define PKI_FILES_CA_CERT     "ca.crt"
#define PKI_FILES_CA_KEY      "ca.key"
#define PKI_FILES_CRL         "ca.crl"
#define PKI_FILES_SERVER_CERT "server.crt"
#define PKI_FILES_SERVER_KEY  "server.key"
#define PKI_FILES_SERVER_BOTH "server.pem"
#define PKI_FILES_CLIENTS     "clients"
#define PKI_FILES_USERS       "users"
#define PKI_FILES_HTPASSWD    "htpasswd"

/* Names of clients: user000000@bench.example, user000001@bench.example, ... */
#define PKI_FILES_NAME_FORMAT "user%06zu@bench.example"
#define PKI_FILES_NAME_MAX    48

/* The file of the client called name, in PKI_FILES_CLIENTS. */
#define PKI_FILES_CLIENT_FORMAT "%s.pem"

#endif
