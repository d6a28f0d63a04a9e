/* Loading: every field of a full configuration, the defaults, includes, variables, credentials,
 * references, and want of memory at every step. */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/dump.h"
#include "conf/load.h"
#include "tests/support/tmpdir.h"
#include "tests/unit/conf/mistakes.h"

static const char full[] =
    "listeners:\n"
    "- address: \"[::]:8443\"\n"
    "  tls: { certificate: s.crt, key: /k/s.key, key_passphrase_file: ./s.pass, min_version: 1.3 "
    "}\n"
    "  client: { ca: [ a.crt, b.crt ], crl: c.crl, mode: optional, on_failure: answer,\n"
    "            depth_max: 1, send_ca_names: false, insecure_expired_crl: true,\n"
    "            crl_scope: leaf, crl_grace: 0s }\n"
    "  names:\n"
    "  - { names: [ API.example, \"*.b.example\" ], certificate: api.crt, key: api.key }\n"
    "  - { names: [ c.example ], certificate: c.crt, client: { ca: c-ca.crt } }\n"
    "  v6_only: true\n"
    "  backlog: 5\n"
    "- address: unix:/run/x.sock\n"
    "  mode: \"600\"\n"
    "  names: [ { names: [ d.example ], certificate: d.crt, client: { mode: off } } ]\n"
    "identity: { user_id: san.email, fold_domain: false, fold_local_part: true }\n"
    "users: { htpasswd: u, certificate: optional, rules: [ { user: r, certificate: required } ],\n"
    "         realm: R, hash_threads: 2, hash_queue_max: 3, remember: 0s, remember_max: 4 }\n"
    "routes:\n"
    "- { path: /a, host: H.example, require: either, upstream: two, forward_authorization: true,\n"
    "    forward_trailers: true, body_max: 2MiB }\n"
    "- { path: /, require: none, upstream: one }\n"
    "upstreams:\n"
    "  one: { servers: [ \"127.0.0.1:9000\" ] }\n"
    "  two: { servers: [ \"h:1\", \"unix:/u\" ], balance: least_connections, connect_timeout: "
    "10ms,\n"
    "         response_timeout: 1h, body_idle_timeout: 1m, keepalive: 1s, keepalive_max: 0,\n"
    "         connections_max: 7, queue_max: 0, queue_timeout: 1s, fail_max: 9, fail_time: 1s }\n"
    "admin: { address: 127.0.0.1:1, socket: s.sock }\n"
    "limits: { head: 9000, fields: 8, target: 64B, body: 1, chunk_line: 16, trailers: 65,\n"
    "          response_head: 2KiB, connections: 1, connections_per_address: 0, handshakes: 2,\n"
    "          requests_per_connection: 3, buffer: 16KiB, drain: 0 }\n"
    "timeouts: { handshake: 1s, head: 2s, body_idle: 3s, send_idle: 4s, keepalive: 5s, linger: 6s "
    "}\n"
    "headers: { user: U, subject: S, issuer: I, serial: N, fingerprint: F, verify: \"\",\n"
    "           x_forwarded: false, forwarded: true, via: false, via_name: v,\n"
    "           trusted_proxies: [ 10.0.0.0/8, \"unix:\" ], remove: [ X-A ] }\n"
    "log: { access: a.log, access_format: combined, error: /e.log, error_format: json,\n"
    "       level: debug }\n"
    "process: { workers: 3, user: w, group: g, drain_delay: 1s, shutdown_timeout: 2s,\n"
    "           watch_files: 0s, insecure_key_permissions: true }\n";

#define CHECK_Z(got, wanted) CHECK_STR(#got, str_of(got), STR(wanted))

static struct conf *must_load(struct str text, struct diags *diags)
{
    struct buf all;
    struct conf *c = load_text(text, diags, &all);
    if (c == NULL) {
        fail_msg("%.*s", STR_ARG(buf_str(&all)));
    }
    buf_release(&all);
    return c;
}

static void check_listener(const struct conf_listener *l)
{
    CHECK_Z(l->address_text.p, "[::]:8443");
    assert_int_equal(l->address_text.at.line, 2);
    assert_int_equal(l->address_text.at.column, 12);
    assert_int_equal(l->address.kind, ADDR_INET);
    assert_int_equal(l->address.port, 8443);
    assert_int_equal(l->min_version, CONF_TLS_1_3);
    assert_int_equal(l->site_count, 3);
    assert_true(l->has_default);
    assert_true(l->v6_only);
    assert_int_equal(l->backlog, 5);
    assert_int_equal(l->unix_mode, 0660);
    assert_int_equal(l->at.line, 2);

    const struct conf_site *s = &l->sites[0];
    assert_int_equal(s->names.n, 0);
    CHECK_Z(s->certificate.p, "/etc/s.crt");
    CHECK_Z(s->key.p, "/k/s.key");
    CHECK_Z(s->key_passphrase_file.p, "/etc/s.pass");
    assert_int_equal(s->client.ca.n, 2);
    CHECK_Z(s->client.ca.v[1].p, "/etc/b.crt");
    assert_int_equal(s->client.crl.n, 1);
    CHECK_Z(s->client.crl.v[0].p, "/etc/c.crl");
    assert_int_equal(s->client.mode, CONF_CLIENT_OPTIONAL);
    assert_int_equal(s->client.on_failure, CONF_ON_FAILURE_ANSWER);
    assert_int_equal(s->client.depth_max, 1);
    assert_false(s->client.send_ca_names);
    assert_int_equal(s->client.crl_scope, CONF_CRL_SCOPE_LEAF);
    assert_int_equal(s->client.crl_grace_ms, 0);
    assert_true(s->client.insecure_expired_crl);

    s = &l->sites[1];
    assert_int_equal(s->names.n, 2);
    CHECK_Z(s->names.v[0].p, "api.example");
    CHECK_Z(s->names.v[1].p, "*.b.example");
    CHECK_Z(s->key.p, "/etc/api.key");
    assert_int_equal(s->client.ca.n, 2);
    assert_int_equal(s->client.mode, CONF_CLIENT_OPTIONAL);

    s = &l->sites[2];
    CHECK_Z(s->key.p, "/etc/c.crt");
    assert_int_equal(s->client.ca.n, 1);
    assert_int_equal(s->client.mode, CONF_CLIENT_REQUIRE);
    assert_int_equal(s->client.on_failure, CONF_ON_FAILURE_REFUSE);
    assert_int_equal(s->client.depth_max, 3);
    assert_true(s->client.send_ca_names);
}

static void check_users_and_routes(const struct conf *c)
{
    assert_int_equal(c->identity.user_id, CONF_USER_ID_SAN_EMAIL);
    assert_false(c->identity.fold_domain);
    assert_true(c->identity.fold_local_part);
    CHECK_Z(c->users.htpasswd.p, "/etc/u");
    assert_int_equal(c->users.certificate, CONF_NEED_OPTIONAL);
    assert_int_equal(c->users.rule_count, 1);
    CHECK_Z(c->users.rules[0].name.p, "r");
    assert_int_equal(c->users.rules[0].certificate, CONF_NEED_REQUIRED);
    CHECK_Z(c->users.realm.p, "R");
    assert_int_equal(c->users.hash_threads, 2);
    assert_int_equal(c->users.hash_queue_max, 3);
    assert_int_equal(c->users.remember_ms, 0);
    assert_int_equal(c->users.remember_max, 4);
    assert_int_equal(c->route_count, 2);
    CHECK_Z(c->routes[0].host.p, "h.example");
    CHECK_Z(c->routes[0].path.p, "/a");
    assert_int_equal(c->routes[0].require, CONF_REQUIRE_EITHER);
    assert_int_equal(c->routes[0].upstream, 1);
    assert_true(c->routes[0].forward_authorization);
    assert_true(c->routes[0].forward_trailers);
    assert_int_equal(c->routes[0].body_max_bytes, 2 * 1024 * 1024);
    assert_null(c->routes[1].host.p);
    assert_int_equal(c->routes[1].require, CONF_REQUIRE_NONE);
    assert_int_equal(c->routes[1].upstream, 0);
    assert_int_equal(c->routes[1].body_max_bytes, 0);
    assert_int_equal(c->body_max_bytes, 2 * 1024 * 1024); /* limits.body is less */
}

static void check_upstream(const struct conf_upstream *u)
{
    CHECK_Z(u->name.p, "two");
    assert_int_equal(u->server_count, 2);
    assert_int_equal(u->servers[0].address.kind, ADDR_NAME);
    assert_int_equal(u->servers[1].address.kind, ADDR_UNIX);
    assert_int_equal(u->balance, CONF_BALANCE_LEAST_CONNECTIONS);
    assert_int_equal(u->connect_timeout_ms, 10);
    assert_int_equal(u->response_timeout_ms, 3600000);
    assert_int_equal(u->body_idle_timeout_ms, 60000);
    assert_int_equal(u->keepalive_ms, 1000);
    assert_int_equal(u->keepalive_max, 0);
    assert_int_equal(u->connections_max, 7);
    assert_int_equal(u->queue_max, 0);
    assert_int_equal(u->queue_timeout_ms, 1000);
    assert_int_equal(u->fail_max, 9);
    assert_int_equal(u->fail_ms, 1000);
}

static void check_limits(const struct conf *c)
{
    const struct conf_limits *l = &c->limits;
    assert_int_equal(l->head_bytes, 9000);
    assert_int_equal(l->field_count, 8);
    assert_int_equal(l->target_bytes, 64);
    assert_int_equal(l->body_bytes, 1);
    assert_int_equal(l->chunk_line_bytes, 16);
    assert_int_equal(l->trailer_bytes, 65);
    assert_int_equal(l->response_head_bytes, 2048);
    assert_int_equal(l->connections, 1);
    assert_int_equal(l->connections_per_address, 0);
    assert_int_equal(l->handshakes, 2);
    assert_int_equal(l->requests_per_connection, 3);
    assert_int_equal(l->buffer_bytes, 16384);
    assert_int_equal(l->drain_bytes, 0);
    assert_int_equal(c->timeouts.handshake_ms, 1000);
    assert_int_equal(c->timeouts.head_ms, 2000);
    assert_int_equal(c->timeouts.body_idle_ms, 3000);
    assert_int_equal(c->timeouts.send_idle_ms, 4000);
    assert_int_equal(c->timeouts.keepalive_ms, 5000);
    assert_int_equal(c->timeouts.linger_ms, 6000);
}

static void check_rest(const struct conf *c)
{
    const struct conf_headers *h = &c->headers;
    CHECK_Z(h->user.p, "U");
    CHECK_Z(h->subject.p, "S");
    CHECK_Z(h->issuer.p, "I");
    CHECK_Z(h->serial.p, "N");
    CHECK_Z(h->fingerprint.p, "F");
    CHECK_Z(h->verify.p, "");
    assert_false(h->x_forwarded);
    assert_true(h->forwarded);
    assert_false(h->via);
    CHECK_Z(h->via_name.p, "v");
    assert_int_equal(h->trusted_proxy_count, 2);
    assert_int_equal(h->trusted_proxies[0].bits, 8);
    assert_int_equal(h->trusted_proxies[1].kind, ADDR_UNIX);
    assert_int_equal(h->remove.n, 1);
    CHECK_Z(c->log.access.p, "/etc/a.log");
    assert_int_equal(c->log.access_format, CONF_ACCESS_COMBINED);
    CHECK_Z(c->log.error.p, "/e.log");
    assert_int_equal(c->log.error_format, CONF_LOG_JSON);
    assert_int_equal(c->log.level, CONF_LOG_DEBUG);
    CHECK_Z(c->admin.address_text.p, "127.0.0.1:1");
    assert_int_equal(c->admin.address.port, 1);
    CHECK_Z(c->admin.socket.p, "/etc/s.sock");
    assert_int_equal(c->process.workers, 3);
    CHECK_Z(c->process.user.p, "w");
    CHECK_Z(c->process.group.p, "g");
    assert_int_equal(c->process.drain_delay_ms, 1000);
    assert_int_equal(c->process.shutdown_timeout_ms, 2000);
    assert_int_equal(c->process.watch_files_ms, 0);
    assert_true(c->process.insecure_key_permissions);
}

static void test_full(void **state)
{
    (void)state;
    struct diags *diags = diags_new();
    struct conf *c = must_load(STR(full), diags);
    /* two keys that begin with insecure_ */
    assert_int_equal(diags_warnings(diags), 2);
    assert_int_equal(c->listener_count, 2);
    check_listener(&c->listeners[0]);
    assert_false(c->listeners[1].has_default);
    assert_int_equal(c->listeners[1].site_count, 1);
    assert_int_equal(c->listeners[1].unix_mode, 0600);
    assert_int_equal(c->listeners[1].sites[0].client.mode, CONF_CLIENT_OFF);
    check_users_and_routes(c);
    assert_int_equal(c->upstream_count, 2);
    check_upstream(&c->upstreams[1]);
    check_limits(c);
    check_rest(c);
    assert_ptr_equal(conf_ref(c), c);
    conf_unref(c);
    assert_int_equal(c->listener_count, 2);
    conf_unref(c);
    conf_unref(NULL);
    diags_free(diags);
}

static void small_text(char out[1024])
{
    struct mistake none = {"", WITH_ALL, "", NULL};
    mistake_text(&none, out, 1024);
}

static void test_defaults(void **state)
{
    (void)state;
    char text[1024];
    small_text(text);
    struct diags *diags = diags_new();
    struct conf *c = must_load(str_of(text), diags);
    assert_int_equal(c->listeners[0].min_version, CONF_TLS_1_2);
    assert_int_equal(c->listeners[0].backlog, 1024);
    assert_int_equal(c->routes[0].require, CONF_REQUIRE_BOTH);
    assert_int_equal(c->users.remember_ms, 60000);
    assert_int_equal(c->limits.body_bytes, 1024 * 1024 * 1024);
    assert_int_equal(c->limits.connections_per_address, 1000);
    assert_int_equal(c->timeouts.linger_ms, 2000);
    CHECK_Z(c->headers.fingerprint.p, "X-Client-Fingerprint");
    assert_int_equal(c->headers.user.at.line, 0);
    CHECK_Z(c->log.access.p, "stdout");
    CHECK_Z(c->log.error.p, "stderr");
    assert_int_equal(c->log.level, CONF_LOG_INFO);
    assert_null(c->admin.address_text.p);
    assert_int_equal(c->admin.address.kind, ADDR_NONE);
    assert_null(c->process.user.p);
    assert_int_equal(c->process.watch_files_ms, 1000);
    conf_unref(c);
    diags_free(diags);
}

/* A directory with a main file and parts; loads the main file. */
static struct conf *load_dir(const struct tmpdir *dir, struct files *files, struct buf *found)
{
    char path[TMPDIR_PATH_MAX];
    struct diags *diags = diags_new();
    assert_non_null(diags);
    struct conf *c = conf_load(tmpdir_path(dir, "main.yaml", path), files, diags);
    buf_init(found, SIZE_MAX);
    assert_int_equal(diags_render(diags, found), 0);
    diags_free(diags);
    return c;
}

static void put(const struct tmpdir *dir, const char *name, const char *text)
{
    tmpdir_write(dir, name, text, strlen(text));
}

/* The findings with the directory taken out hold wanted. */
static void expect_found(const struct tmpdir *dir, const struct buf *found, const char *wanted)
{
    char *text = test_malloc(buf_len(found) + 1);
    size_t n = 0;
    struct str prefix = str_of(dir->path);
    struct str rest = buf_str(found);
    while (rest.n > 0) {
        size_t skip = str_starts(rest, prefix) ? prefix.n : 0;
        if (skip == 0) {
            text[n++] = rest.p[0];
        }
        rest = str_slice(rest, skip > 0 ? skip : 1, rest.n);
    }
    text[n] = '\0';
    if (strstr(text, wanted) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", wanted, text);
    }
    test_free(text);
}

static void test_include(void **state)
{
    (void)state;
    struct tmpdir dir;
    struct buf found;
    char path[TMPDIR_PATH_MAX];
    char text[1024];
    small_text(text);
    tmpdir_make(&dir);
    put(&dir, "main.yaml",
        "include: [ \"*.yaml\", b.part, nothing*.here ]\nlimits: { fields: 9 }\n");
    put(&dir, "a.yaml", "routes:\n- { path: /b, upstream: b }\nlimits: { head: 9KiB }\n");
    put(&dir, "b.part", "upstreams: { b: { servers: [ \"unix:/b\" ] } }\n");
    put(&dir, "c.yaml", text);
    struct files *files = files_new();
    struct conf *c = load_dir(&dir, files, &found);
    if (c == NULL) {
        fail_msg("%.*s", STR_ARG(buf_str(&found)));
        return;
    }
    assert_int_equal(c->route_count, 2);
    CHECK_Z(c->routes[0].path.p, "/b");
    assert_int_equal(c->upstream_count, 2);
    assert_int_equal(c->limits.head_bytes, 9216);
    assert_int_equal(c->limits.field_count, 9);
    CHECK_STR("relative to the naming file", str_of(c->users.htpasswd.p),
              str_of(tmpdir_path(&dir, "u", path)));
    /* The worker's view: the same from the packed set, with the disk gone. */
    int fd = -1;
    assert_int_equal(files_pack(files, &fd, NULL), 0);
    conf_unref(c);
    files_free(files);
    buf_release(&found);
    struct tmpdir gone = dir;
    tmpdir_remove(&dir);
    files = files_unpack(fd, NULL);
    assert_non_null(files);
    assert_int_equal(close(fd), 0);
    c = load_dir(&gone, files, &found);
    assert_non_null(c);
    assert_int_equal(c->route_count, 2);
    conf_unref(c);
    files_free(files);
    buf_release(&found);
}

static void test_include_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *main;
        const char *part;
        const char *found;
    } rows[] = {
        {"include: [ part.yaml ]\nlog:\n  level: info\n", "log:\n  level: info\n",
         "/part.yaml:2:3: error: log.level: given twice, first at /main.yaml:3:3"},
        {"include: [ part.yaml ]\nupstreams:\n  a: { servers: [ \"unix:/a\" ] }\n",
         "upstreams:\n  a: { servers: [ \"unix:/a\" ] }\n",
         "/part.yaml:2:3: error: upstreams.a: given twice, first at /main.yaml:3:3"},
        {"include: [ part.yaml ]\nlog: 1\n", "log: {}\n",
         "/part.yaml:1:1: error: log: given twice, first at /main.yaml:2:1"},
        {"include: [ part.yaml ]\n", "include: [ x ]\n",
         "/part.yaml:1:1: error: include: only the main file may include others"},
        {"include: [ part.yaml ]\n", "limits: { head: x }\n",
         "/part.yaml:1:17: error: limits.head: "},
        {"include: [ part.yaml ]\n", "limits: [\n", "/part.yaml:2:1: error: not valid YAML: "},
        {"include: [ none.yaml ]\n", "", "/main.yaml:1:12: error: include: there is no file "},
        {"include: none.yaml\n", "", "/main.yaml:1:10: error: include: expected a list"},
        {"include: [ \"${COUNTERSIGN_NONE}\" ]\n", "",
         "/main.yaml:1:12: error: include[0]: the environment variable COUNTERSIGN_NONE"},
        {"include: [ . ]\n", "", "/main.yaml:1:12: error: include: "},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tmpdir dir;
        struct buf found;
        tmpdir_make(&dir);
        put(&dir, "main.yaml", rows[i].main);
        put(&dir, "part.yaml", rows[i].part);
        struct files *files = files_new();
        CHECK_ROW(rows[i].main, load_dir(&dir, files, &found) == NULL);
        expect_found(&dir, &found, rows[i].found);
        buf_release(&found);
        files_free(files);
        tmpdir_remove(&dir);
    }
}

static void test_no_file(void **state)
{
    (void)state;
    struct diags *diags = diags_new();
    struct files *files = files_new();
    struct buf all;
    buf_init(&all, SIZE_MAX);
    assert_null(conf_load("/nowhere/c.yaml", files, diags));
    assert_int_equal(diags_render(diags, &all), 0);
    CHECK_STR("no file", buf_str(&all),
              STR("error: cannot open /nowhere/c.yaml: No such file or directory\n"
                  "  help: Name the file with -c FILE.\n"));
    buf_release(&all);
    files_free(files);
    diags_free(diags);
}

static void set_variable(const char *name, const char *value)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a test has one thread */
    assert_int_equal(setenv(name, value, 1), 0);
}

static void test_variables(void **state)
{
    (void)state;
    char text[1024];
    struct mistake row = {
        "", WITH_ALL & ~WITH_UPSTREAMS,
        "process: { user: \"${CS_USER}\", workers: \"${CS_WORKERS:-2}\", group: \"$$g\" }\n"
        "upstreams:\n  app:\n    servers: [ \"${CS_HOST:-127.0.0.1}:9000\" ]\n"
        "headers:\n  user: ${CS_FIELD:-X-Us}er\n",
        NULL};
    mistake_text(&row, text, sizeof(text));
    set_variable("CS_USER", "who");
    set_variable("CS_HOST", "h.example");
    set_variable("CS_WORKERS", "");
    struct diags *diags = diags_new();
    struct conf *c = must_load(str_of(text), diags);
    CHECK_Z(c->process.user.p, "who");
    CHECK_Z(c->process.group.p, "$g");
    CHECK_Z(c->headers.user.p, "X-User");
    assert_int_equal(c->process.workers, 2);
    CHECK_Z(c->upstreams[0].servers[0].text.p, "h.example:9000");
    conf_unref(c);
    diags_free(diags);
}

/* Users stand in the state directory where something asks for them and nothing says where they are.
 */
static void test_default_store(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *directory, *users, *route;
        const char *store; /* "": none */
    } rows[] = {
        {"a password by default", "/var/lib/other", "", "", "/var/lib/other/users.db"},
        {"a section that says nothing of it", "/var/lib/other", "users: { realm: r }\n", "",
         "/var/lib/other/users.db"},
        {"either", "/s", "", "require: either, ", "/s/users.db"},
        {"the first of many", "/s:/t", "", "require: password, ", "/s/users.db"},
        {"without a service manager", "", "", "", "/var/lib/countersign/users.db"},
        {"no absolute path", "s", "", "", "/var/lib/countersign/users.db"},
        {"groups", "/s", "", "require: certificate, groups: [ a ], ", "/s/users.db"},
        {"codes", "/s", "", "require: certificate, require_totp: true, ", "/s/users.db"},
        {"nobody is asked for", "/s", "", "require: certificate, ", ""},
        {"nothing is asked for", "/s", "", "require: none, ", ""},
        {"a file is given", "/s", "users: { htpasswd: /u }\n", "", ""},
        {"another database is given", "/s", "users: { store: /u }\n", "", "/u"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[1024];
        struct mistake row = {rows[i].says, WITH_ALL & ~WITH_ROUTES & ~WITH_USERS, "", NULL};
        mistake_text(&row, text, sizeof(text));
        size_t n = strlen(text);
        (void)snprintf(text + n, sizeof(text) - n, "%sroutes: [ { path: /, %supstream: app } ]\n",
                       rows[i].users, rows[i].route);
        set_variable("STATE_DIRECTORY", rows[i].directory);
        struct diags *diags = diags_new();
        struct conf *c = must_load(str_of(text), diags);
        CHECK_STR(rows[i].says, str_of(c->users.store.p != NULL ? c->users.store.p : ""),
                  str_of(rows[i].store));
        conf_unref(c);
        diags_free(diags);
    }
    set_variable("STATE_DIRECTORY", "");
}

static void test_credentials(void **state)
{
    (void)state;
    struct tmpdir dir;
    struct tmpdir credentials;
    struct buf found;
    char path[TMPDIR_PATH_MAX];
    char text[1024];
    small_text(text);
    tmpdir_make(&dir);
    tmpdir_make(&credentials);
    put(&dir, "main.yaml", text);
    put(&dir, "s.crt", "here");
    put(&credentials, "s.crt", "there");
    put(&credentials, "s.key", "there");
    set_variable("CREDENTIALS_DIRECTORY", credentials.path);
    struct files *files = files_new();
    struct conf *c = load_dir(&dir, files, &found);
    assert_non_null(c);
    const struct conf_site *s = &c->listeners[0].sites[0];
    CHECK_STR("what is there wins", str_of(s->certificate.p),
              str_of(tmpdir_path(&dir, "s.crt", path)));
    CHECK_STR("else the credential", str_of(s->key.p),
              str_of(tmpdir_path(&credentials, "s.key", path)));
    CHECK_STR("else what was written", str_of(s->client.ca.v[0].p),
              str_of(tmpdir_path(&dir, "ca.crt", path)));
    set_variable("CREDENTIALS_DIRECTORY", "");
    conf_unref(c);
    files_free(files);
    buf_release(&found);
    tmpdir_remove(&dir);
    tmpdir_remove(&credentials);
}

/* Load and print with the nth allocation failing; true if all went well in spite of it. */
static bool load_failing(struct str text, unsigned long nth)
{
    struct buf out;
    buf_init(&out, SIZE_MAX);
    struct diags *diags = diags_new();
    struct files *files = files_new();
    assert_non_null(diags);
    assert_non_null(files);
    assert_int_equal(files_put(files, MAIN_PATH, text), 0);
    mem_fail_after(nth, true);
    struct conf *c = conf_load(MAIN_PATH, files, diags);
    bool said = c != NULL || diags_errors(diags) > 0;
    bool well = c != NULL && conf_dump(c, diags, &out) == 0;
    int rendered = diags_render(diags, &out);
    mem_fail_after(0, false);
    assert_true(rendered == 0 || rendered == -ERR_NOMEM);
    assert_true(said);
    conf_unref(c);
    files_free(files);
    diags_free(diags);
    buf_release(&out);
    return well;
}

static void test_no_memory(void **state)
{
    (void)state;
    unsigned long nth = 1;
    while (!load_failing(STR(full), nth)) {
        nth++;
        assert_true(nth < 10000);
    }
    assert_true(nth > 20);
    for (nth = 1; nth < 60; nth++) {
        assert_false(load_failing(STR("listeners: 1\nx: 2\nroutes: [ { path: 1 } ]\n"), nth));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_include),     cmocka_unit_test(test_include_mistakes),
        cmocka_unit_test(test_no_file),     cmocka_unit_test(test_variables),
        cmocka_unit_test(test_credentials), cmocka_unit_test(test_default_store),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
