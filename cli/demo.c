/* countersign demo: a throw-away CA, two users, an upstream and the proxy itself, shown with real
 * requests. Everything stands in one temporary directory that is removed at the end. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/store/htpasswd.h"
#include "auth/store/pwhash.h"
#include "base/enc.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/demo_pki.h"
#include "cli/demo_upstream.h"
#include "proxy/proc/control.h"
#include "proxy/proc/master.h"
#include "proxy/tls/client.h"

static const char usage_text[] =
    "usage: countersign demo [--once] [--port N]\n"
    "\n"
    "Makes a throw-away CA, a server certificate, two users with certificates and passwords and a\n"
    "small upstream, starts the proxy on 127.0.0.1, shows what it lets through and what not, and\n"
    "stays up so that you can try. Nothing outside a temporary directory is touched.\n"
    "\n"
    "  --once    leave after the show; exit status 0 only if every answer was as it should be\n"
    "  --port N  listen there (default: 8443, or any free port)\n";

#define START_PATIENCE_MS 20000
#define TMPDIR_MAX        64 /* a control socket's whole path has at most 107 octets (unix(7)) */

struct demo {
    char directory[PATH_MAX / 2];
    unsigned port;
    unsigned upstream_port;
    pid_t upstream;
    pid_t proxy;
    int wrong; /* answers that were not as they should be */
};

/* What is shown. expect: the status, 0 for "refused in the handshake". */
struct scene {
    const char *title;
    const char *certificate; /* stem of the files, or NULL */
    const char *user;
    const char *password;
    unsigned expect;
    bool show_body;
};

static const struct scene scenes[] = {
    {"alice's certificate, alice's name and password", "alice", "alice@example.com", "alice-secret",
     200, true},
    {"bob's certificate, bob's name and password", "bob", "bob@example.com", "bob-secret", 200,
     false},
    {"alice's certificate, bob's name and password", "alice", "bob@example.com", "bob-secret", 403,
     false},
    {"alice's certificate, alice's name, a wrong password", "alice", "alice@example.com", "guess",
     401, false},
    {"no certificate", NULL, "alice@example.com", "alice-secret", 0, false},
    {"a withdrawn certificate of alice's", "alice-withdrawn", "alice@example.com", "alice-secret",
     0, false},
};

static volatile sig_atomic_t stop_asked;

static void on_stop_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

/* DIRECTORY/name into out. */
static const char *path_in(const struct demo *d, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", d->directory, name);
    return out;
}

/* True if port of 127.0.0.1 can be bound; *port 0 is replaced by a free one. */
static bool port_is_free(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)*port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                   bind(fd, (struct sockaddr *)&address, length) == 0 && listen(fd, 1) == 0 &&
                   getsockname(fd, (struct sockaddr *)&address, &length) == 0;
    if (is_free) {
        *port = ntohs(address.sin_port);
    }
    if (fd >= 0) {
        close(fd);
    }
    return is_free;
}

static int make_pki(const struct demo *d, struct err *e)
{
    static const struct {
        const char *stem;
        const char *name;
        bool is_server;
        bool withdrawn;
    } certificates[] = {
        {"server", "localhost", true, false},
        {"alice", "alice@example.com", false, false},
        {"bob", "bob@example.com", false, false},
        {"alice-withdrawn", "alice@example.com", false, true},
    };
    struct demo_pki *p = demo_pki_new(d->directory, e);
    int result = p != NULL ? 0 : -ERR_CRYPTO;
    for (size_t i = 0; result == 0 && i < sizeof certificates / sizeof certificates[0]; i++) {
        result = demo_pki_issue(p, certificates[i].stem, certificates[i].name,
                                certificates[i].is_server, certificates[i].withdrawn, e);
    }
    if (result == 0) {
        result = demo_pki_write_crl(p, e);
    }
    demo_pki_free(p);
    return result;
}

static int make_users(const struct demo *d, struct err *e)
{
    static const struct {
        const char *name;
        const char *password;
    } users[] = {{"alice@example.com", "alice-secret"}, {"bob@example.com", "bob-secret"}};
    char path[PATH_MAX];
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof users / sizeof users[0]; i++) {
        char hash[PWHASH_MAX + 1];
        result = pwhash_make(str_of(users[i].password), hash, e);
        if (result == 0) {
            result = htpasswd_change(path_in(d, "users.htpasswd", path), HTPASSWD_ADD,
                                     str_of(users[i].name), str_of(hash), e);
        }
    }
    return result;
}

static int make_configuration(const struct demo *d, struct err *e)
{
    char path[PATH_MAX];
    FILE *f = fopen(path_in(d, "countersign.yaml", path), "we");
    if (f == NULL) {
        return err_set_errno(e, ERR_IO, errno, "cannot write %s", path);
    }
    fprintf(f,
            "listeners:\n"
            "  - address: 127.0.0.1:%u\n"
            "    tls: { certificate: server.crt, key: server.key }\n"
            "    client: { ca: ca.crt, crl: ca.crl, mode: require, on_failure: refuse }\n"
            "identity: { user_id: subject.CN, fold_domain: true }\n"
            "users: { htpasswd: users.htpasswd }\n"
            "routes:\n"
            "  - { path: /, require: both, upstream: api }\n"
            "upstreams:\n"
            "  api: { servers: [ \"127.0.0.1:%u\" ] }\n"
            "admin: { socket: control.sock }\n"
            "log: { access: access.log, error: error.log }\n"
            "process: { workers: 2 }\n",
            d->port, d->upstream_port);
    bool good = ferror(f) == 0;
    return fclose(f) == 0 && good ? 0 : err_set(e, ERR_IO, "cannot write %s", path);
}

static int start_proxy(struct demo *d, struct err *e)
{
    char config[PATH_MAX];
    path_in(d, "countersign.yaml", config);
    fflush(NULL);
    d->proxy = fork();
    if (d->proxy == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        setpgid(0, 0); /* Ctrl-C is for the demonstration, which then ends the proxy */
        _exit(master_run(&(struct master_options){.config_path = config}));
    }
    return d->proxy > 0 ? 0 : err_set_errno(e, ERR_IO, errno, "cannot start the proxy");
}

/* Wait until the proxy answers on its control socket. */
static int await_proxy(const struct demo *d, struct err *e)
{
    char path[PATH_MAX];
    path_in(d, "control.sock", path);
    for (unsigned waited_ms = 0; waited_ms < START_PATIENCE_MS; waited_ms += 50) {
        struct buf answer;
        buf_init(&answer, 1 << 20);
        int asked = control_ask(path, "status", STR_NONE, 1000, &answer, NULL);
        buf_release(&answer);
        if (asked == 0) {
            return 0;
        }
        if (waitpid(d->proxy, NULL, WNOHANG) != 0) {
            return err_set(e, ERR_INTERNAL, "the proxy ended at once; what it said is above");
        }
        usleep(50000);
    }
    return err_set(e, ERR_BUSY, "the proxy did not come up in %d s", START_PATIENCE_MS / 1000);
}

/* The request of a scene into out. */
static int write_request(const struct scene *s, struct buf *out)
{
    char plain[128];
    char encoded[ENC_BASE64_LEN(sizeof plain)];
    int n = snprintf(plain, sizeof plain, "%s:%s", s->user, s->password);
    if (n < 0 || (size_t)n >= sizeof plain) {
        return -ERR_TOO_LARGE;
    }
    size_t length = enc_base64((struct str){plain, (size_t)n}, encoded);
    return buf_printf(out,
                      "GET /orders?open=1 HTTP/1.1\r\nHost: localhost\r\n"
                      "Authorization: Basic %.*s\r\nConnection: close\r\n\r\n",
                      (int)length, encoded);
}

/* Send the request of s. *status: of the answer, 0 if the handshake was refused. */
static int knock(const struct demo *d, const struct scene *s, struct buf *answer, unsigned *status,
                 struct err *e)
{
    char ca[PATH_MAX];
    char certificate[PATH_MAX];
    char key[PATH_MAX];
    char stem[64];
    struct tls_client_options o = {.server_name = "localhost",
                                   .ca_file = path_in(d, "ca.crt", ca),
                                   .timeout_ms = START_PATIENCE_MS};
    snprintf(stem, sizeof stem, "127.0.0.1:%u", d->port);
    int result = addr_parse(str_of(stem), false, &o.address, e);
    if (s->certificate != NULL) {
        snprintf(stem, sizeof stem, "%s.crt", s->certificate);
        o.certificate_file = path_in(d, stem, certificate);
        snprintf(stem, sizeof stem, "%s.key", s->certificate);
        o.key_file = path_in(d, stem, key);
    }
    struct buf request;
    buf_init(&request, 4096);
    if (result == 0) {
        result = write_request(s, &request);
    }
    if (result == 0) {
        result = tls_client_exchange(&o, buf_str(&request), answer, e);
    }
    buf_release(&request);
    struct str got = buf_str(answer);
    uint64_t number = 0;
    *status = result == 0 && got.n > 12 && str_to_u64(str_slice(got, 9, 12), &number)
                  ? (unsigned)number
                  : 0;
    return result;
}

/* Print the identity fields that the upstream saw: they stand in its answer's body. */
static void show_identity(struct str answer)
{
    const char *body = memmem(answer.p, answer.n, "\r\n\r\n", 4);
    struct str rest =
        body != NULL ? str_slice(answer, (size_t)(body - answer.p) + 4, answer.n) : STR_NONE;
    while (rest.n > 0) {
        struct str line;
        str_cut(rest, '\n', &line, &rest);
        if (str_starts(line, STR("X-"))) {
            printf("        the upstream saw  %.*s\n", STR_ARG(str_trim(line)));
        }
    }
}

static void play(struct demo *d, const struct scene *s)
{
    struct buf answer;
    struct err e = {0};
    unsigned status = 0;
    buf_init(&answer, 1 << 20);
    int result = knock(d, s, &answer, &status, &e);
    bool right = s->expect == 0 ? (result != 0 && strstr(e.text, "alert") != NULL)
                                : (result == 0 && status == s->expect);
    printf("  %s  %s\n", right ? "ok   " : "WRONG", s->title);
    if (result == 0) {
        printf("        answered %.*s\n",
               STR_ARG(str_slice(buf_str(&answer), 9, str_chr(buf_str(&answer), '\r'))));
    } else {
        printf("        refused in the TLS handshake: %s\n", e.text);
    }
    if (right && s->show_body) {
        show_identity(buf_str(&answer));
    }
    if (!right) {
        d->wrong++;
    }
    buf_release(&answer);
}

static void invite(const struct demo *d)
{
    printf("\nTry it:\n"
           "  cd %s\n"
           "  curl --cacert ca.crt --cert alice.crt --key alice.key \\\n"
           "       --user alice@example.com:alice-secret https://localhost:%u/\n"
           "  (bob's password is bob-secret; access.log and error.log tell what happened)\n"
           "\nCtrl-C ends the demonstration and removes the directory.\n",
           d->directory, d->port);
    fflush(stdout);
}

static int set_up(struct demo *d, struct err *e)
{
    printf("Making a CA, a server certificate, users and passwords in %s\n", d->directory);
    int result = make_pki(d, e);
    if (result == 0) {
        result = make_users(d, e);
    }
    if (result == 0) {
        pid_t child = demo_upstream_start(&d->upstream_port, e);
        result = child > 0 ? 0 : (int)child;
        d->upstream = child > 0 ? child : 0;
    }
    if (result == 0) {
        printf("Starting an upstream on 127.0.0.1:%u and the proxy on 127.0.0.1:%u\n\n",
               d->upstream_port, d->port);
        result = make_configuration(d, e);
    }
    if (result == 0) {
        result = start_proxy(d, e);
    }
    return result == 0 ? await_proxy(d, e) : result;
}

static void end_child(pid_t child, int number)
{
    if (child > 0) {
        kill(child, number);
        waitpid(child, NULL, 0);
    }
}

/* Remove the directory and the files in it (there are no others in there). */
static void remove_directory(const char *directory)
{
    DIR *d = opendir(directory);
    if (d == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
        unlinkat(dirfd(d), entry->d_name, 0);
    }
    closedir(d);
    rmdir(directory);
}

static int show(struct demo *d, bool once)
{
    struct err e = {0};
    if (set_up(d, &e) != 0) {
        fprintf(stderr, "countersign demo: %s\n", e.text);
        return 1;
    }
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        play(d, &scenes[i]);
    }
    if (!once) {
        invite(d);
        while (!stop_asked && waitpid(d->proxy, NULL, WNOHANG) == 0) {
            usleep(100000);
        }
        puts("");
    }
    return d->wrong == 0 ? 0 : 1;
}

/* Ctrl-C and TERM set a flag, so that the directory is removed and the children end. */
static void catch_stop_signals(void)
{
    struct sigaction action = {.sa_handler = on_stop_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int run(unsigned port, bool once)
{
    struct demo d = {.port = port != 0 ? port : 8443};
    if (!port_is_free(&d.port)) {
        if (port != 0) {
            fprintf(stderr, "countersign demo: port %u is in use, choose another\n", port);
            return 1;
        }
        d.port = 0;
        if (!port_is_free(&d.port)) {
            fprintf(stderr, "countersign demo: no free port on 127.0.0.1\n");
            return 1;
        }
    }
    const char *tmp = getenv("TMPDIR"); // NOLINT(concurrency-mt-unsafe): no thread runs yet
    snprintf(d.directory, sizeof d.directory, "%s/countersign-demo.XXXXXX",
             tmp != NULL && tmp[0] == '/' && strlen(tmp) <= TMPDIR_MAX ? tmp : "/tmp");
    if (mkdtemp(d.directory) == NULL) {
        fprintf(stderr, "countersign demo: cannot make a directory in %s\n", d.directory);
        return 1;
    }
    catch_stop_signals();
    int status = show(&d, once);
    end_child(d.proxy, SIGTERM);
    end_child(d.upstream, SIGKILL);
    remove_directory(d.directory);
    return status;
}

int demo_main(int argc, char **argv)
{
    static const struct option options[] = {{"once", no_argument, NULL, 'o'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bool once = false;
    uint64_t port = 0;
    int option = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'o':
            once = true;
            break;
        case 'p':
            if (!str_to_u64(str_of(optarg), &port) || port == 0 || port > 65535) {
                fprintf(stderr, "countersign demo: '%s' is no port\n", optarg);
                return 2;
            }
            break;
        case 'h':
            fputs(usage_text, stdout);
            return 0;
        default:
            return 2;
        }
    }
    if (optind != argc) {
        fputs(usage_text, stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    return run((unsigned)port, once);
}
