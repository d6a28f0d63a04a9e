/* The loaded configuration: plain data, immutable once loaded. Texts and arrays belong to the
 * struct conf. Zeroed memory is the strict choice in every enum. The rows that fill it stand in
 * keys.c, with their bounds, defaults and descriptions. */
#ifndef CONF_MODEL_H
#define CONF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"
#include "conf/model_ca.h"
#include "conf/model_headers.h"
#include "conf/model_resumption.h"
#include "conf/model_text.h"
#include "conf/model_tuning.h"
#include "conf/model_users.h"

/* What a client must show at the handshake. */
enum conf_client_mode { CONF_CLIENT_REQUIRE = 0, CONF_CLIENT_OPTIONAL, CONF_CLIENT_OFF };

/* What a client without a certificate, or with a bad one, gets. */
enum conf_on_failure { CONF_ON_FAILURE_REFUSE = 0, CONF_ON_FAILURE_ANSWER };

/* Which certificates of a chain need a word of their issuer's CRL. */
enum conf_crl_scope { CONF_CRL_SCOPE_CHAIN = 0, CONF_CRL_SCOPE_LEAF };

/* What it takes of a responder to let a certificate pass. */
enum conf_ocsp_mode {
    CONF_OCSP_OFF = 0, /* not asked */
    CONF_OCSP_SOFT,    /* no word to the contrary */
    CONF_OCSP_HARD     /* that it is good */
};

struct conf_ocsp {
    enum conf_ocsp_mode mode;
    struct conf_text responder; /* URL; none: the certificate's own */
    uint32_t timeout_ms;
    uint32_t keep_min_ms; /* an answer is not asked for again before */
    uint32_t keep_max_ms; /* nor kept for longer */
};

struct conf_client {
    struct conf_texts ca;  /* PEM bundles of trust anchors */
    struct conf_texts crl; /* CRL files, PEM or DER */
    enum conf_client_mode mode;
    enum conf_on_failure on_failure;
    uint32_t depth_max; /* intermediates between leaf and anchor */
    bool send_ca_names; /* name the CAs in the CertificateRequest */
    enum conf_crl_scope crl_scope;
    uint32_t crl_grace_ms;     /* a CRL holds for so long past its next update */
    bool insecure_expired_crl; /* and for ever, with a warning */
    struct conf_ocsp ocsp;
    struct conf_pos at;
};

enum conf_tls_version { CONF_TLS_1_2 = 0, CONF_TLS_1_3 };

/* A certificate beside another, for clients that want one of its kind. */
struct conf_also {
    struct conf_text certificate;
    struct conf_text key; /* as conf_site's */
    struct conf_text key_passphrase_file;
    struct conf_pos at;
};

/* One server name or several, with certificate and client policy. */
struct conf_site {
    struct conf_texts names; /* "api.example.com", "*.example.com"; none: the default site */
    struct conf_text certificate;
    struct conf_text key; /* a path, or a PKCS#11 URI: then it begins with "pkcs11:" */
    struct conf_text key_passphrase_file;
    struct conf_also *also; /* certificates with keys of other kinds, in no order */
    size_t also_count;
    struct conf_client client; /* the site's own, or a copy of the listener's */
    struct conf_pos at;
};

struct conf_listener {
    struct conf_text address_text;
    struct addr address;
    enum conf_tls_version min_version;
    struct conf_site *sites; /* sites[0] is the default site if has_default */
    size_t site_count;
    bool has_default; /* an unknown or absent name gets sites[0]; otherwise it is refused */
    bool v6_only;     /* for [::]: do not take IPv4 too */
    uint32_t backlog;
    uint32_t unix_mode; /* permission bits of a Unix socket, e.g. 0660 */
    struct conf_pos at;
};

struct conf_revocation {
    struct conf_texts deny; /* files that withdraw, beside the CRLs of a listener */
};

enum conf_require {
    CONF_REQUIRE_BOTH = 0,
    CONF_REQUIRE_CERTIFICATE,
    CONF_REQUIRE_PASSWORD,
    CONF_REQUIRE_EITHER,
    CONF_REQUIRE_NONE
};

struct conf_route {
    struct conf_text host;     /* exact or "*.suffix"; p NULL: any */
    struct conf_text path;     /* prefix on segment boundaries; "/" is everything */
    struct conf_texts methods; /* none: any that no other route of the same host and path names */
    enum conf_require require;
    bool require_totp;        /* of everybody, whatever the user's own record says */
    struct conf_texts groups; /* the user must be in one of them; none: no matter */
    bool report_only;         /* refusals of the gate are told in the log and not carried out */
    struct conf_text upstream_name;
    size_t upstream; /* index into conf.upstreams */
    bool forward_authorization;
    bool forward_trailers;
    uint64_t body_max_bytes; /* 0 = the limit of limits.body */
    struct conf_pos at;
};

enum conf_balance { CONF_BALANCE_ROUND_ROBIN = 0, CONF_BALANCE_LEAST_CONNECTIONS };

struct conf_server {
    struct conf_text text;
    struct addr address;
};

struct conf_upstream {
    struct conf_text name;
    struct conf_server *servers;
    size_t server_count;
    enum conf_balance balance;
    uint32_t connect_timeout_ms;
    uint32_t response_timeout_ms;  /* from the request's end to the answer's head */
    uint32_t body_idle_timeout_ms; /* between two pieces of the answer's body */
    uint32_t keepalive_ms;         /* how long an idle connection is kept */
    uint32_t keepalive_max;        /* idle connections kept, a server and worker */
    uint32_t connections_max;      /* a server and worker */
    uint32_t queue_max;            /* requests waiting for a connection, a group and worker */
    uint32_t queue_timeout_ms;
    uint32_t fail_max; /* failures in a row that set a server aside */
    uint32_t fail_ms;  /* for how long */
    struct conf_pos at;
};

struct conf_limits {
    uint32_t head_bytes;
    uint32_t field_count;
    uint32_t target_bytes;
    uint64_t body_bytes;
    uint32_t chunk_line_bytes;
    uint32_t trailer_bytes;
    uint32_t response_head_bytes;
    uint32_t connections;             /* over all workers */
    uint32_t connections_per_address; /* over all workers; a /64 counts as one; 0 = no limit */
    uint32_t handshakes;              /* in flight, a worker */
    uint32_t requests_per_connection; /* 0 = no limit */
    uint32_t buffer_bytes;            /* body octets kept, a direction */
    uint32_t drain_bytes;             /* of a body nobody wants, to keep the connection */
};

struct conf_timeouts {
    uint32_t handshake_ms;
    uint32_t head_ms;      /* from the first octet of a request to the end of its head */
    uint32_t body_idle_ms; /* between two pieces of a request body */
    uint32_t send_idle_ms; /* the client takes nothing of the answer */
    uint32_t keepalive_ms; /* between two requests */
    uint32_t linger_ms;    /* after the last octet sent, waiting for the client to close */
};

enum conf_access_format { CONF_ACCESS_JSON = 0, CONF_ACCESS_LOGFMT, CONF_ACCESS_COMBINED };
enum conf_log_format { CONF_LOG_LOGFMT = 0, CONF_LOG_JSON };
enum conf_log_level { CONF_LOG_ERROR = 0, CONF_LOG_WARNING, CONF_LOG_INFO, CONF_LOG_DEBUG };

struct conf_log {
    struct conf_text access; /* path, "stdout", "stderr", "off" */
    enum conf_access_format access_format;
    uint32_t access_delay_ms; /* lines are gathered for so long; 0: not beyond a turn of the loop */
    struct conf_text error;   /* path or "stderr" */
    enum conf_log_format error_format;
    enum conf_log_level level;
};

struct conf_admin {
    struct conf_text address_text; /* p NULL: no admin listener */
    struct addr address;
    struct conf_text socket; /* control socket path; p NULL: none */
};

struct conf_process {
    uint32_t workers;      /* 0 = one a core */
    struct conf_text user; /* workers run as; p NULL: unchanged */
    struct conf_text group;
    uint32_t drain_delay_ms; /* not ready, still accepting */
    uint32_t shutdown_timeout_ms;
    uint32_t watch_files_ms; /* how often files are looked at; 0 = only on reload */
    bool insecure_key_permissions;
};

struct conf {
    struct conf_listener *listeners;
    size_t listener_count;
    struct conf_identity identity;
    struct conf_users users;
    struct conf_totp totp;
    struct conf_lockout lockout;
    struct conf_revocation revocation;
    struct conf_route *routes;
    size_t route_count;
    uint64_t body_max_bytes; /* the largest of limits.body and those of the routes */
    struct conf_upstream *upstreams;
    size_t upstream_count;
    struct conf_limits limits;
    struct conf_timeouts timeouts;
    struct conf_headers headers;
    struct conf_resumption resumption;
    struct conf_tuning tuning;
    struct conf_token token;
    struct conf_signature signature;
    struct conf_ca ca;
    struct conf_log log;
    struct conf_admin admin;
    struct conf_process process;
};

#endif
