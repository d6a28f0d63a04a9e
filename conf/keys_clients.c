/* Owns: the rows of what clients meet first: listeners, identity, users, resumption,
 * revocation. Not: the rest (keys.c). Constant data. */
#include "conf/draft.h"
#include "conf/keys_rows.h"
#include "conf/syntax.h"

/* Enums are written as unsigned int. */
_Static_assert(sizeof(enum conf_client_mode) == sizeof(unsigned), "KEY_CHOICE");
_Static_assert(sizeof(enum conf_ocsp_mode) == sizeof(unsigned), "KEY_CHOICE");
_Static_assert(sizeof(enum conf_crl_scope) == sizeof(unsigned), "KEY_CHOICE");
_Static_assert(sizeof(enum draft_unknown_name) == sizeof(unsigned), "KEY_CHOICE");

/* Each in the order of its enum in model.h. */
static const char *const client_modes[] = {"require", "optional", "off", NULL};
static const char *const failures[] = {"refuse", "answer", NULL};
static const char *const crl_scopes[] = {"chain", "leaf", NULL};
static const char *const ocsp_modes[] = {"off", "soft", "hard", NULL};
static const char *const tls_versions[] = {"1.2", "1.3", NULL};
static const char *const unknown_names[] = {"refuse", "default", NULL};
static const char *const user_ids[] = {"subject.CN", "subject.emailAddress", "subject.UID",
                                       "san.email", NULL};
static const char *const needs[] = {"required", "optional", NULL};

static const struct key ocsp_keys[] = {
    {.name = "mode",
     .type = KEY_CHOICE,
     AT(conf_ocsp, mode),
     .choices = ocsp_modes,
     .fallback = "off",
     .meaning = "Whether OCSP responders are asked about clients' certificates. A handshake never "
                "waits for an answer: until there is one, soft lets the client pass and decides "
                "at its next request, hard refuses it (ocsp_pending), and it comes again."},
    {.name = "responder",
     .type = KEY_TEXT,
     AT(conf_ocsp, responder),
     .check = syntax_http_url,
     .example = "http://ocsp.example.com/",
     .fallback_note = "the one that the certificate names",
     .meaning = "URL of the responder; http only, as answers are signed."},
    {.name = "timeout",
     .type = KEY_DURATION,
     AT(conf_ocsp, timeout_ms),
     .min = 1000,
     .max = 60000,
     .fallback = "5s",
     .meaning = "How long a responder has for its answer."},
    {.name = "keep_min",
     .type = KEY_DURATION,
     AT(conf_ocsp, keep_min_ms),
     .min = 1000,
     .max = HOURS(24),
     .fallback = "60s",
     .meaning = "An answer is not asked for again before."},
    {.name = "keep_max",
     .type = KEY_DURATION,
     AT(conf_ocsp, keep_max_ms),
     .min = 1000,
     .max = HOURS(24),
     .fallback = "1h",
     .meaning =
         "It is asked for again after this, also if its next update is later. One that does not "
         "say when the next update is counts only if it was made within this time."},
};

static const struct key_section ocsp = {
    .keys = ocsp_keys, .count = COUNT(ocsp_keys), .at_offset = KEY_NOWHERE};

static const struct key client_keys[] = {
    {.name = "ca",
     .type = KEY_FILES,
     AT(conf_client, ca),
     .shown = true,
     .example = "ca.crt",
     .meaning = "PEM files with the certificates of the CAs whose clients are let in. Required "
                "unless mode is off."},
    {.name = "crl",
     .type = KEY_FILES,
     AT(conf_client, crl),
     .example = "ca.crl",
     .meaning = "Revocation lists, PEM or DER. Once one is given, every CA in a client's chain "
                "needs a current one."},
    {.name = "mode",
     .type = KEY_CHOICE,
     AT(conf_client, mode),
     .choices = client_modes,
     .fallback = "require",
     .meaning = "Whether a client must show a certificate, may show one, or is not asked."},
    {.name = "on_failure",
     .type = KEY_CHOICE,
     AT(conf_client, on_failure),
     .choices = failures,
     .fallback = "refuse",
     .meaning = "What a client without a certificate, or with a bad one, gets: a TLS alert "
                "(refuse), or a finished handshake and an HTTP 400 that says why (answer)."},
    {.name = "depth_max",
     .type = KEY_COUNT,
     AT(conf_client, depth_max),
     .max = 10,
     .fallback = "3",
     .meaning = "Intermediate CAs allowed between a client's certificate and a CA of ca."},
    {.name = "send_ca_names",
     .type = KEY_BOOL,
     AT(conf_client, send_ca_names),
     .fallback = "true",
     .meaning = "Name the CAs in the handshake, so that a client can choose the right "
                "certificate. Names are public."},
    {.name = "crl_scope",
     .type = KEY_CHOICE,
     AT(conf_client, crl_scope),
     .choices = crl_scopes,
     .fallback = "chain",
     .meaning = "Whether every certificate below a CA of ca is looked up in the revocation list of "
                "its issuer (chain), or the client's own alone (leaf): then only the CAs that "
                "issue to clients need a list."},
    {.name = "crl_grace",
     .type = KEY_DURATION,
     AT(conf_client, crl_grace_ms),
     .max = HOURS(24) * 20,
     .fallback = "0s",
     .meaning = "How long past its next update a revocation list is still used, for a CA that is "
                "late with the next one."},
    {.name = "insecure_expired_crl",
     .type = KEY_BOOL,
     AT(conf_client, insecure_expired_crl),
     .fallback = "false",
     .meaning = "Accept a revocation list past its next update, however long. A certificate "
                "withdrawn since then still gets in."},
    {.name = "ocsp",
     .type = KEY_SECTION,
     AT(conf_client, ocsp),
     .section = &ocsp,
     .meaning = "Asking the CA's responders whether a client's certificate is withdrawn."},
};

static const struct key_section client = {.keys = client_keys,
                                          .count = COUNT(client_keys),
                                          .at_offset = offsetof(struct conf_client, at)};

static const struct key also_keys[] = {
    {.name = "certificate",
     .type = KEY_FILE,
     AT(conf_also, certificate),
     .required = true,
     .example = "server-rsa.crt",
     .meaning = "As tls.certificate."},
    {.name = "key",
     .type = KEY_FILE,
     AT(conf_also, key),
     .example = "server-rsa.key",
     .uri = true,
     .fallback_note = "the certificate's file",
     .meaning = "As tls.key."},
    {.name = "key_passphrase_file",
     .type = KEY_FILE,
     AT(conf_also, key_passphrase_file),
     .example = "server-rsa.pass",
     .meaning = "As tls.key_passphrase_file."},
};

static const struct key_section also = {.keys = also_keys,
                                        .count = COUNT(also_keys),
                                        .size = sizeof(struct conf_also),
                                        .at_offset = offsetof(struct conf_also, at)};

static const struct key tls_keys[] = {
    {.name = "certificate",
     .type = KEY_FILE,
     AT(draft_listener, own.certificate),
     .shown = true,
     .example = "server.crt",
     .meaning = "PEM file with the server certificate and its intermediates. It is what a client "
                "gets that asks for a name not under names. May be left out if names is given."},
    {.name = "key",
     .type = KEY_FILE,
     AT(draft_listener, own.key),
     .shown = true,
     .example = "server.key",
     .uri = true,
     .fallback_note = "the certificate's file",
     .meaning = "PEM file with its private key, or the PKCS#11 URI of a key in a token "
                "(pkcs11:token=web;object=server), which the workers open; or a URI that a store "
                "of OpenSSL knows, such as a TPM's (handle:0x81000001)."},
    {.name = "key_passphrase_file",
     .type = KEY_FILE,
     AT(draft_listener, own.key_passphrase_file),
     .example = "server.pass",
     .meaning = "File whose first line opens an encrypted key, or is the PIN of the token."},
    {.name = "also",
     .type = KEY_LIST,
     TWO(draft_listener, own.also, own.also_count),
     .section = &also,
     .meaning =
         "More certificates for the same names, each with a key of another kind: an RSA one "
         "beside ECDSA, for clients that know nothing else. A client gets the ECDSA one if it "
         "can use it, as that costs a fraction."},
    {.name = "min_version",
     .type = KEY_CHOICE,
     AT(draft_listener, out.min_version),
     .choices = tls_versions,
     .fallback = "1.2",
     .meaning = "The oldest TLS version that is spoken."},
};

static const struct key_section tls = {.keys = tls_keys,
                                       .count = COUNT(tls_keys),
                                       .at_offset = offsetof(struct draft_listener, own.at)};

static const struct key site_keys[] = {
    {.name = "names",
     .type = KEY_TEXTS,
     AT(conf_site, names),
     .required = true,
     .fold = true,
     .check = syntax_server_name,
     .example = "api.example.com",
     .meaning = "Server names, exact or as *.example.com (one label); the exact one wins."},
    {.name = "certificate",
     .type = KEY_FILE,
     AT(conf_site, certificate),
     .required = true,
     .example = "api.crt",
     .meaning = "As tls.certificate, for these names."},
    {.name = "key",
     .type = KEY_FILE,
     AT(conf_site, key),
     .example = "api.key",
     .uri = true,
     .fallback_note = "the certificate's file",
     .meaning = "As tls.key."},
    {.name = "key_passphrase_file",
     .type = KEY_FILE,
     AT(conf_site, key_passphrase_file),
     .example = "api.pass",
     .meaning = "As tls.key_passphrase_file."},
    {.name = "also",
     .type = KEY_LIST,
     TWO(conf_site, also, also_count),
     .section = &also,
     .meaning = "As tls.also."},
    {.name = "client",
     .type = KEY_SECTION,
     AT(conf_site, client),
     .section = &client,
     .fallback_note = "the listener's",
     .meaning = "What is asked of clients that come for these names. Replaces the listener's as a "
                "whole."},
};

static const struct key_section site = {.keys = site_keys,
                                        .count = COUNT(site_keys),
                                        .size = sizeof(struct conf_site),
                                        .at_offset = offsetof(struct conf_site, at)};

static const struct key listener_keys[] = {
    {.name = "address",
     .type = KEY_LISTEN,
     .required = true,
     TWO(draft_listener, out.address_text, out.address),
     .example = "0.0.0.0:8443",
     .meaning = "Where to listen: 127.0.0.1:8443, [::]:8443, unix:/path, or systemd:NAME for a "
                "socket handed over by systemd."},
    {.name = "tls",
     .type = KEY_SECTION,
     .offset = 0,
     .section = &tls,
     .meaning = "The server's own certificate."},
    {.name = "client",
     .type = KEY_SECTION,
     AT(draft_listener, own.client),
     .section = &client,
     .meaning = "What is asked of clients."},
    {.name = "names",
     .type = KEY_LIST,
     TWO(draft_listener, names, name_count),
     .section = &site,
     .meaning = "Server names with a certificate, or a client policy, of their own."},
    {.name = "unknown_name",
     .type = KEY_CHOICE,
     AT(draft_listener, unknown_name),
     .choices = unknown_names,
     .fallback_note = "default with tls.certificate, otherwise refuse",
     .example = "refuse",
     .meaning = "What a client gets that asks for a name not under names, or for none: a TLS alert "
                "(refuse) or tls.certificate (default)."},
    {.name = "v6_only",
     .type = KEY_BOOL,
     AT(draft_listener, out.v6_only),
     .fallback = "false",
     .meaning = "Take no IPv4 clients on an IPv6 address."},
    {.name = "backlog",
     .type = KEY_COUNT,
     AT(draft_listener, out.backlog),
     .min = 1,
     .max = 65535,
     .fallback = "1024",
     .meaning = "Connections that may wait to be accepted."},
    {.name = "mode",
     .type = KEY_MODE,
     AT(draft_listener, out.unix_mode),
     .max = 0777,
     .fallback = "0660",
     .meaning = "Permission bits of a Unix socket; octal, in quotation marks."},
};

const struct key_section keys_listener = {
    .intro = "Where clients connect, and what the handshake asks of them. At least one.",
    .keys = listener_keys,
    .count = COUNT(listener_keys),
    .size = sizeof(struct draft_listener),
    .at_offset = offsetof(struct draft_listener, out.at)};

static const struct key identity_keys[] = {
    {.name = "user_id",
     .type = KEY_CHOICE,
     AT(conf_identity, user_id),
     .choices = user_ids,
     .fallback = "subject.CN",
     .meaning = "The part of the certificate that names the user. It must be there exactly once."},
    {.name = "fold_domain",
     .type = KEY_BOOL,
     AT(conf_identity, fold_domain),
     .fallback = "true",
     .meaning = "Compare what stands behind the last @ without regard to case."},
    {.name = "fold_local_part",
     .type = KEY_BOOL,
     AT(conf_identity, fold_local_part),
     .fallback = "false",
     .meaning = "Compare what stands before it without regard to ASCII case."},
};

const struct key_section keys_identity = {
    .intro = "Who a certificate stands for, and how that is compared with the user name.",
    .keys = identity_keys,
    .count = COUNT(identity_keys),
    .at_offset = KEY_NOWHERE};

static const struct key rule_keys[] = {
    {.name = "user",
     .type = KEY_TEXT,
     AT(conf_user_rule, name),
     .required = true,
     .check = syntax_user,
     .example = "reports",
     .meaning = "User name."},
    {.name = "certificate",
     .type = KEY_CHOICE,
     AT(conf_user_rule, certificate),
     .choices = needs,
     .required = true,
     .example = "optional",
     .meaning = "As users.certificate, for this user."},
};

static const struct key_section rule = {.keys = rule_keys,
                                        .count = COUNT(rule_keys),
                                        .size = sizeof(struct conf_user_rule),
                                        .at_offset = KEY_NOWHERE};

static const struct key users_keys[] = {
    {.name = "htpasswd",
     .type = KEY_FILE,
     AT(conf_users, htpasswd),
     .shown = true,
     .example = "users.htpasswd",
     .meaning = "File of user names and password hashes (bcrypt, yescrypt, SHA-512-crypt, "
                "SHA-256-crypt; with a warning also apr1, MD5-crypt and {SHA}, which are weak)."},
    {.name = "fields",
     .type = KEY_FILE,
     AT(conf_users, fields),
     .example = "users.fields",
     .meaning = "File of what else is known of the users of htpasswd, a line each: NAME "
                "certificate=optional groups=a,b expires=2027-01-31 company=Example%20Ltd "
                "pin=FINGERPRINT disabled=yes."},
    {.name = "store",
     .type = KEY_PATH,
     AT(conf_users, store),
     .example = "/var/lib/countersign/users.db",
     .fallback_note = "without htpasswd, where a route asks for users: users.db in "
                      "$STATE_DIRECTORY, or else in /var/lib/countersign",
     .meaning = "Database of users (SQLite), instead of htpasswd and fields: for many users, and "
                "for changes without a reload. Kept by \"countersign user\"; workers need the "
                "right to read it."},
    {.name = "certificate",
     .type = KEY_CHOICE,
     AT(conf_users, certificate),
     .choices = needs,
     .fallback = "required",
     .meaning = "On routes that require both: whether the password alone is enough (optional)."},
    {.name = "rules",
     .type = KEY_LIST,
     TWO(conf_users, rules, rule_count),
     .section = &rule,
     .meaning = "Users for whom certificate differs."},
    {.name = "realm",
     .type = KEY_TEXT,
     AT(conf_users, realm),
     .check = syntax_printable,
     .fallback = "countersign",
     .meaning = "Realm of the Basic challenge."},
    {.name = "hash_threads",
     .type = KEY_COUNT,
     AT(conf_users, hash_threads),
     .min = 1,
     .max = 64,
     .fallback = "1",
     .meaning = "Threads of each worker that check password hashes for certificates that hardly "
                "failed of late, and as many, of the lowest priority, for all others."},
    {.name = "hash_queue_max",
     .type = KEY_COUNT,
     AT(conf_users, hash_queue_max),
     .min = 1,
     .max = 65536,
     .fallback = "256",
     .meaning = "Checks of each worker that may wait for either; past it a request gets 503. One "
                "certificate, or address without one, gets a quarter of it."},
    {.name = "remember",
     .type = KEY_DURATION,
     AT(conf_users, remember_ms),
     .min = 1000,
     .max = HOURS(24),
     .zero_ok = true,
     .fallback = "60s",
     .meaning = "How long after its last use a proven password is not hashed again, as long as the "
                "stored hash stays the same; 0s hashes at every request."},
    {.name = "remember_max",
     .type = KEY_COUNT,
     AT(conf_users, remember_max),
     .min = 1,
     .max = 1000000,
     .fallback = "4096",
     .meaning = "Proven passwords that each worker remembers; the one not used for longest goes."},
    {.name = "lookup_queue_max",
     .type = KEY_COUNT,
     AT(conf_users, lookup_queue_max),
     .min = 1,
     .max = 65536,
     .fallback = "1024",
     .meaning = "Look-ups in store that may wait in each worker; past it a request gets 503."},
    {.name = "lookup_remember_max",
     .type = KEY_COUNT,
     AT(conf_users, lookup_remember_max),
     .max = 1000000,
     .fallback = "4096",
     .meaning = "Records of store that each worker remembers until the database changes."},
};

const struct key_section keys_users = {.intro = "The users and their passwords.",
                                       .keys = users_keys,
                                       .count = COUNT(users_keys),
                                       .at_offset = KEY_NOWHERE};

static const struct key resumption_keys[] = {
    {.name = "enabled",
     .type = KEY_BOOL,
     AT(conf_resumption, enabled),
     .fallback = "false",
     .meaning = "Give a client whose certificate was accepted a ticket, with which its next "
                "connection needs no full handshake. Dates, revocation lists and policy are looked "
                "at again each time; where anything does not fit, a full handshake follows."},
    {.name = "life",
     .type = KEY_DURATION,
     AT(conf_resumption, life_ms),
     .min = 1000,
     .max = HOURS(24),
     .fallback = "1h",
     .meaning = "How long one ticket, or id of TLS 1.2, is good."},
    {.name = "life_total",
     .type = KEY_DURATION,
     AT(conf_resumption, life_total_ms),
     .min = 1000,
     .max = HOURS(168),
     .fallback = "12h",
     .meaning = "How long after a full handshake the next one is due, however often the session "
                "was resumed meanwhile."},
    {.name = "rotate",
     .type = KEY_DURATION,
     AT(conf_resumption, rotate_ms),
     .min = 1000,
     .max = HOURS(168),
     .fallback = "1h",
     .meaning = "How long tickets are sealed with one key; it opens them for as long again."},
    {.name = "secret_file",
     .type = KEY_FILE,
     AT(conf_resumption, secret_file),
     .example = "resumption.secret",
     .fallback_note = "a random secret, new at each start",
     .meaning = "File of 32 random octets or more that the keys are derived from, the same on all "
                "hosts that shall take each other's tickets. Guard it like a private key."},
    {.name = "keep_max",
     .type = KEY_COUNT,
     AT(conf_resumption, keep_max),
     .max = 10000000,
     .fallback = "10000",
     .meaning =
         "Sessions that are kept in memory, all workers together, at 2 KiB each, and 9 KiB more "
         "for each of the newest 64 of a worker that libssl made; their tickets, with TLS 1.2 "
         "their ids, are random numbers. The oldest makes room; one of more than 2 KiB is not "
         "kept. 0 puts sessions into their tickets, sealed; so does secret_file, as a number means "
         "nothing to other hosts."},
};

const struct key_section keys_resumption = {
    .intro = "Resumption of TLS sessions (1.2 and 1.3). 0-RTT is never accepted.",
    .keys = resumption_keys,
    .count = COUNT(resumption_keys),
    .at_offset = KEY_NOWHERE};

static const struct key revocation_keys[] = {
    {.name = "deny",
     .type = KEY_FILES,
     AT(conf_revocation, deny),
     .example = "withdrawn.deny",
     .meaning = "Files that name withdrawn certificates and users, one a line. They are looked at "
                "every 200 ms (never, if process.watch_files is 0s); countersign cert withdraw "
                "adds to the first of them and has it in force at once."},
};

const struct key_section keys_revocation = {
    .intro = "Certificates and users that are withdrawn. Each is refused in the handshake and at "
             "every request, and its open connections are closed.",
    .keys = revocation_keys,
    .count = COUNT(revocation_keys),
    .at_offset = KEY_NOWHERE};
