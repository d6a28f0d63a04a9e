/* What does not fit together. */
#include "conf/check.h"
#include "tests/unit/conf/mistakes.h"

#define REST   (WITH_ALL & ~WITH_LISTENERS)
#define TLS    "  tls: { certificate: s.crt }\n"
#define CLIENT "  client: { ca: ca.crt }\n"
#define ONE    "- address: 127.0.0.1:8443\n" TLS CLIENT
#define LIST   "listeners:\n"

static const struct mistake listeners[] = {
    {"none", REST, "", AT "1:1" ERROR "listeners: there is no listener"},
    {"an empty list", REST, "listeners: []\n",
     AT "1:12" ERROR "listeners: needs at least one entry"},
    {"no certificate", REST, LIST "- address: 127.0.0.1:8443\n" CLIENT,
     AT "2:3" ERROR "listeners[0].tls.certificate: the listener has no certificate"},
    {"a key alone", REST,
     LIST "- address: 127.0.0.1:8443\n  tls: { key: k }\n" CLIENT
          "  names: [ { names: [ a.example ], certificate: c } ]\n",
     AT "3:15" ERROR "listeners[0].tls.key: a key without a certificate"},
    {"no CA", REST, LIST "- address: 127.0.0.1:8443\n" TLS,
     AT "2:3" ERROR "listeners[0].client.ca: client certificates are asked for, but there is no CA "
        "to verify them"},
    {"no CA for optional", REST,
     LIST "- address: 127.0.0.1:8443\n" TLS "  client: { mode: optional }\n",
     AT "4:3" ERROR "listeners[0].client.ca: client certificates are asked for, but there is no CA "
        "to verify them"},
    {"an empty list of CAs", REST, LIST "- address: 127.0.0.1:8443\n" TLS "  client: { ca: [] }\n",
     AT "4:17" ERROR "listeners[0].client.ca: client certificates are asked for, but there is no "
        "CA to verify them"},
    {"no CA of a site", REST,
     LIST ONE "  names: [ { names: [ a.example ], certificate: c, client: {} } ]\n",
     AT "5:52" ERROR "listeners[0].names[0].client.ca: client certificates are asked for, but "
        "there is no CA to verify them"},
    {"a policy that nobody meets needs no CA", REST,
     LIST "- address: 127.0.0.1:8443\n"
          "  names: [ { names: [ a.example ], certificate: c, client: { ca: ca.crt } } ]\n",
     NULL},
    {"off with routes that need a certificate", REST,
     LIST "- address: 127.0.0.1:8443\n" TLS "  client: { mode: off }\n",
     AT "4:19" WARNING "listeners[0].client.mode: no client of this listener can pass the route /, "
        "which requires a certificate"},
    {"off, but a user is spared", REST & ~WITH_USERS,
     LIST "- address: 127.0.0.1:8443\n" TLS "  client: { mode: off }\n"
          "users: { htpasswd: u, rules: [ { user: a, certificate: optional } ] }\n",
     NULL},
    {"an answer kept for longer than it may be", REST,
     LIST "- address: 127.0.0.1:8443\n" TLS
          "  client: { ca: ca.crt, ocsp: { mode: soft, keep_min: 2h } }\n",
     AT "4:55" ERROR "listeners[0].client.ocsp.keep_min: is longer than keep_max"},
    {"crl_scope without a list", REST,
     LIST "- address: 127.0.0.1:8443\n" TLS "  client: { ca: ca.crt, crl_scope: leaf }\n",
     AT "4:36" WARNING "listeners[0].client.crl_scope: has no effect without a revocation list"},
    {"crl_grace without a list", REST,
     LIST "- address: 127.0.0.1:8443\n" TLS "  client: { ca: ca.crt, crl_grace: 1h }\n",
     AT "4:36" WARNING "listeners[0].client.crl_grace: has no effect without a revocation list"},
    {"crl_scope and crl_grace", REST,
     LIST "- address: 127.0.0.1:8443\n" TLS
          "  client: { ca: ca.crt, crl: c, crl_scope: leaf, crl_grace: 1h }\n",
     NULL},
    {"the same address", REST, LIST ONE ONE,
     AT "5:12" ERROR "listeners[1].address: the same address as listeners[0], in line 2"},
    {"the same address, written differently", REST,
     LIST "- address: \"[::1]:8443\"\n" TLS CLIENT "- address: \"[0:0::1]:8443\"\n" TLS CLIENT,
     AT "5:12" ERROR "listeners[1].address: the same address as listeners[0], in line 2"},
    {"both wildcards", REST,
     LIST "- address: 0.0.0.0:8443\n" TLS CLIENT "- address: \"[::]:8443\"\n" TLS CLIENT,
     AT "5:12" ERROR "listeners[1].address: 0.0.0.0 and [::] of one port overlap: listeners[0], in "
        "line 2"},
    {"both wildcards, apart", REST,
     LIST "- address: 0.0.0.0:8443\n" TLS CLIENT
          "- address: \"[::]:8443\"\n  v6_only: true\n" TLS CLIENT,
     NULL},
    {"the admin address is a listener's", REST, "admin: { address: 127.0.0.1:8443 }\n" LIST ONE,
     AT "1:19" ERROR "admin.address: the same address as listeners[0], in line 3"},
    {"a name twice", REST,
     LIST ONE "  names:\n  - { names: [ a.example ], certificate: c }\n"
              "  - { names: [ b.example, A.Example ], certificate: c }\n",
     AT "7:27" ERROR
        "listeners[0].names[1].names[1]: \"a.example\" is given twice, first in line 6"},
    {"one name on two listeners", REST,
     LIST ONE "  names: [ { names: [ a.example ], certificate: c } ]\n"
              "- address: 127.0.0.1:8444\n" TLS CLIENT
              "  names: [ { names: [ a.example ], certificate: c } ]\n",
     NULL},
    {"unknown names get what is not there", REST,
     LIST "- address: 127.0.0.1:8443\n" CLIENT
          "  names: [ { names: [ a.example ], certificate: c } ]\n  unknown_name: default\n",
     AT "5:17" ERROR "listeners[0].unknown_name: there is no default certificate to answer with"},
    {"every name is unknown", REST, LIST ONE "  unknown_name: refuse\n",
     AT "5:17" ERROR "listeners[0].unknown_name: without names this refuses every client"},
    {"a certificate without use", REST,
     LIST ONE "  names: [ { names: [ a.example ], certificate: c } ]\n  unknown_name: refuse\n",
     AT "3:23" WARNING "listeners[0].tls.certificate: is never used, as unknown_name is refuse"},
    {"certificates beside one that is not there", REST,
     LIST "- address: 127.0.0.1:8443\n  tls: { also: [ { certificate: d } ] }\n" CLIENT
          "  names: [ { names: [ a.example ], certificate: c } ]\n",
     AT "3:18" ERROR "listeners[0].tls.also: certificates beside one that is not there"},
    {"a key beside a certificate, alone", REST,
     LIST ONE "  names: [ { names: [ a.example ], certificate: c, also: [ { key: k } ] } ]\n",
     AT "5:60" ERROR "listeners[0].names[0].also[0]: the key \"certificate\" is missing"},
    {"certificates beside others", REST,
     LIST
     "- address: 127.0.0.1:8443\n"
     "  tls: { certificate: c, also: [ { certificate: d, key: k }, { certificate: e } ] }\n" CLIENT
     "  names: [ { names: [ a.example ], certificate: c, also: [ { certificate: d } ] } ]\n",
     NULL},
    {"v6_only on IPv4", REST, LIST ONE "  v6_only: true\n",
     AT "5:12" WARNING "listeners[0].v6_only: has no effect on an address that is not IPv6"},
    {"mode on TCP", REST, LIST ONE "  mode: \"0600\"\n",
     AT "5:9" WARNING "listeners[0].mode: has no effect on an address that is no Unix socket"},
    {"mode on a Unix socket", REST, LIST "- address: unix:/run/x\n" TLS CLIENT "  mode: \"0600\"\n",
     NULL},
};

static const struct mistake others[] = {
    {"an unknown upstream", WITH_ALL & ~WITH_ROUTES,
     "routes: [ { path: /, upstream: app }, { path: /x, upstream: ap } ]\n",
     AT "1:61" ERROR "routes[1].upstream: there is no upstream \"ap\""},
    {"the same route", WITH_ALL & ~WITH_ROUTES,
     "routes:\n- { path: /, host: a, upstream: app }\n- { path: /, host: A, upstream: app }\n",
     AT "3:11" ERROR "routes[1].path: the same host and path as the route at " AT "2"},
    {"the same path on two hosts", WITH_ALL & ~WITH_ROUTES,
     "routes:\n- { path: /, host: a, upstream: app }\n- { path: /, upstream: app }\n", NULL},
    {"two places for users", WITH_ALL & ~WITH_USERS, "users: { htpasswd: h, store: /s }\n",
     AT "1:30" ERROR "users.store: there is users.htpasswd too: users come from one place"},
    {"fields without a file that they belong to", WITH_ALL & ~WITH_USERS,
     "users: { store: /s, fields: f }\n",
     AT "1:29" ERROR "users.fields: there is no users.htpasswd that the fields belong to"},
    {"a database alone", WITH_ALL & ~WITH_USERS, "users: { store: /s }\n", NULL},
    {"an upstream without use", WITH_ALL & ~WITH_UPSTREAMS,
     "upstreams:\n  app: { servers: [ \"unix:/a\" ] }\n  b: { servers: [ \"unix:/b\" ] }\n",
     AT "3:3" WARNING "upstreams.b: no route names this upstream"},
    {"a server twice", WITH_ALL & ~WITH_UPSTREAMS,
     "upstreams: { app: { servers: [ \"unix:/a\", \"unix:/a\" ] } }\n",
     AT "1:43" WARNING "upstreams.app.servers[1]: the same server stands in the list twice"},
    {"a rule twice", WITH_ALL & ~WITH_USERS,
     "users:\n  htpasswd: u\n  rules:\n  - { user: a, certificate: optional }\n"
     "  - { user: a, certificate: required }\n",
     AT "5:13" ERROR "users.rules[1].user: this user has a rule already, at " AT "4"},
    {"a field name twice", WITH_ALL, "headers: { user: X-A, subject: x_a }\n",
     AT "1:32" ERROR "headers.subject: the same field name as headers.user"},
    {"a field name that another has by default", WITH_ALL, "headers: { user: X-Client-Serial }\n",
     AT "1:18" ERROR "headers.user: the same field name as headers.serial"},
    {"fields left out do not clash", WITH_ALL, "headers: { user: \"\", subject: \"\" }\n", NULL},
    {"a dialect twice", WITH_ALL, "headers: { dialects: [ xfcc, xfcc ] }\n",
     AT "1:30" ERROR "headers.dialects[1]: the same dialect stands in the list twice"},
    {"a dialect that there is not", WITH_ALL, "headers: { dialects: [ envoy ] }\n",
     AT "1:24" ERROR "headers.dialects[0]: \"envoy\": the dialects are own, rfc9440, xfcc, nginx, "
        "apache, traefik and haproxy"},
    {"a chain of sessions that have none", WITH_ALL,
     "headers: { dialects: [ rfc9440 ], chain: true }\nresumption: { enabled: true }\n",
     AT "1:42" ERROR "headers.chain: a session that was resumed has no chain to tell, and "
        "resumption.enabled is true"},
    {"no dialect tells the chain", WITH_ALL,
     "headers: { dialects: [ nginx ], chain: true }\nresumption: { enabled: true }\n", NULL},
    {"a field that frames the message", WITH_ALL, "headers: { fields: { Host: \"{user}\" } }\n",
     AT "1:22" ERROR "headers.fields.Host: is a field that HTTP itself or the proxy needs"},
    {"a template with a line end", WITH_ALL, "headers: { fields: { X-A: \"a\\nb\" } }\n",
     AT "1:27" ERROR "headers.fields.X-A: holds a control character, or is not UTF-8"},
    {"a field twice", WITH_ALL, "headers:\n  fields:\n    X-A: a\n    X-A: b\n",
     AT "4:5" ERROR "headers.fields.X-A: given twice, first at " AT "3:5"},
    {"fields as a list", WITH_ALL, "headers: { fields: [ X-A ] }\n",
     AT "1:20" ERROR "headers.fields: expected a section, found a list"},
    {"a token without issuer", WITH_ALL,
     "token: { keys: k, audience: a }\nadmin: { address: \"127.0.0.1:1\" }\n",
     AT "1:16" ERROR "token.issuer: is needed with token.keys"},
    {"a token without audience", WITH_ALL,
     "token: { keys: k, issuer: i }\nadmin: { address: \"127.0.0.1:1\" }\n",
     AT "1:16" ERROR "token.audience: is needed with token.keys"},
    {"an issuer without keys", WITH_ALL, "token: { issuer: i }\n",
     AT "1:18" ERROR "token.issuer: means nothing without token.keys"},
    {"a life too long", WITH_ALL, "token: { life: 2h }\n",
     AT "1:16" ERROR "token.life: expected 5s to 1h, found \"2h\""},
    {"keys that nobody can fetch", WITH_ALL, "signature: { keys: k }\n",
     AT "1:20" WARNING "signature.keys: the public keys cannot be fetched: there is no admin "
        "listener"},
    {"a component twice", WITH_ALL, "signature: { components: [ date, date ] }\n",
     AT "1:34" ERROR "signature.components[1]: the same component stands in the list twice"},
    {"a component that the writer makes", WITH_ALL,
     "signature: { components: [ content-length ] }\n",
     AT "1:28" ERROR
        "signature.components[0]: \"content-length\": is made anew for the upstream behind the "
        "signature, so it cannot be signed; for host, name @authority"},
    {"a component that is a code", WITH_ALL, "signature: { components: [ date, x-otp ] }\n",
     AT "1:34" ERROR "signature.components[1]: cannot be signed: it is totp.header, which is never "
        "forwarded"},
    {"a component that is removed", WITH_ALL,
     "headers: { remove: [ X-Role ] }\nsignature: { components: [ x-role ] }\n",
     AT "2:28" ERROR "signature.components[0]: cannot be signed: headers.remove takes it away"},
    {"a component that no route forwards", WITH_ALL,
     "signature: { components: [ authorization ] }\n",
     AT "1:28" ERROR "signature.components[0]: cannot be signed: no route has "
        "forward_authorization, so it is never forwarded"},
    {"one that a route forwards", WITH_ALL & ~WITH_ROUTES,
     "signature: { components: [ authorization ] }\n"
     "routes: [ { path: /, upstream: app, forward_authorization: true } ]\n",
     NULL},
    {"a target larger than the head", WITH_ALL, "limits: { head: 4KiB }\n",
     AT "1:17" ERROR "limits.target: larger than limits.head, of which it is a part"},
    {"a whole that is shorter than its part", WITH_ALL, "resumption: { life_total: 30m }\n",
     AT "1:27" ERROR "resumption.life_total: shorter than resumption.life, which it bounds"},
    {"a part that is longer than the whole", WITH_ALL, "resumption: { life: 13h }\n",
     AT "1:21" ERROR "resumption.life_total: shorter than resumption.life, which it bounds"},
    {"keys that end before their tickets", WITH_ALL, "resumption: { enabled: true, rotate: 10m }\n",
     AT "1:38" WARNING "resumption.rotate: shorter than resumption.life: tickets may end with "
        "their key, before their time"},
    {"keys as long as tickets", WITH_ALL, "resumption: { enabled: true, life: 10m, rotate: 10m }\n",
     NULL},
    {"a secret without use", WITH_ALL, "resumption: { secret_file: s }\n",
     AT "1:28" WARNING "resumption.secret_file: has no effect, as resumption.enabled is false"},
    {"a group twice", WITH_ALL, "tuning: { groups: [ P-256, X25519, P-256 ] }\n",
     AT "1:36" ERROR "tuning.groups[2]: the same group stands in the list twice"},
    {"a group that costs the server most", WITH_ALL, "tuning: { groups: [ ffdhe2048 ] }\n",
     AT "1:21" ERROR "tuning.groups[0]: \"ffdhe2048\": the groups are X25519, P-256, P-384 and "
        "P-521"},
    {"no groups at all", WITH_ALL, "tuning: { groups: [] }\n", NULL},
    {"chains for a moment", WITH_ALL, "tuning: { remember_chains: 1ms }\n",
     AT "1:28" ERROR "tuning.remember_chains: expected 0, or 1s to 1d, found \"1ms\""},
    {"a memory without room", WITH_ALL, "tuning: { remember_chains_max: 0 }\n",
     AT "1:32" ERROR "tuning.remember_chains_max: expected 1 to 1000000, found \"0\""},
    {"more handshakes at once than there are", WITH_ALL, "tuning: { handshake_steps: 10001 }\n",
     AT "1:28" ERROR "tuning.handshake_steps: expected 0 to 10000, found \"10001\""},
    {"lines that nobody would wait for", WITH_ALL, "log: { access_delay: 1m }\n",
     AT "1:22" ERROR "log.access_delay: expected 0s to 10s, found \"1m\""},
    {"all of it taken back", WITH_ALL,
     "tuning: { remember_chains: 0s, narrow_crypto: false, fixed_chain: false,\n"
     "          aes_128_first: false, release_buffers: false, own_bio: false, own_records: false,\n"
     "          own_lists: false, own_key_schedule: false, own_handshake: false,\n"
     "          remember_certificates_max: 0, keep_memory: false, handshake_steps: 0 }\n",
     NULL},
};

static void test_listeners(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(listeners); i++) {
        check_mistake(&listeners[i]);
    }
}

static void test_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(others); i++) {
        check_mistake(&others[i]);
    }
}

static void test_nothing(void **state)
{
    (void)state;
    struct diags *diags = diags_new();
    struct buf all;
    assert_null(load_text(STR(""), diags, &all));
    assert_int_equal(diags_errors(diags), 3);
    CHECK_STR("an empty file lacks all three", buf_str(&all),
              STR(AT "1:1" ERROR "listeners: there is no listener\n  help: Add one, such as - { "
                     "address: \"0.0.0.0:8443\", tls: ..., client: ... }.\n" AT "1:1" ERROR
                     "routes: there is no route\n  help: Add one, such as - { path: /, upstream: "
                     "app }.\n" AT "1:1" ERROR "upstreams: there is no upstream\n  help: Add one, "
                     "such as app: { servers: [ \"127.0.0.1:9000\" ] }.\n"));
    buf_release(&all);
    diags_free(diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
