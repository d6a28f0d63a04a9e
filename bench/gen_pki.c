/* countersign-bench gen-pki: a CA, a server, clients with users and passwords. Owns the files that
 * it writes; keys and certificates are pki_make's, passwords and hashes users_make's. Rounds of
 * clients are made by all threads; what is one file for all is then written in order by the first.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/bench.h"
#include "bench/pki_files.h"
#include "bench/pki_make.h"
#include "bench/users_make.h"

#define CLIENTS_MAX     1000000
#define CRL_MAX         2000000
#define SHARED_KEYS_MAX 100000
#define DAYS_MAX        36500
#define NAMES_MAX       64
#define THREADS_MAX     64
#define CLIENTS_A_ROUND 256 /* of one thread: bounds the memory, and how long Ctrl-C waits */
#define ROUND_BYTES_MAX ((size_t)16 << 20)
#define TEXT_BYTES_MAX  ((size_t)512 << 20) /* a revocation list as text */
#define TELL_FROM       2000UL              /* clients: as many make one wait */

static const char usage_text[] =
    "usage: countersign-bench gen-pki [OPTION]... N DIRECTORY\n"
    "\n"
    "Makes a CA, a server's certificate (localhost, 127.0.0.1, ::1), N clients' certificates, "
    "each\n"
    "with its own user and password, an htpasswd file and a revocation list in DIRECTORY, which\n"
    "must be empty or not there yet. For tests only: the keys stand there unencrypted.\n"
    "\n"
    "  --key TYPE    p256 (default), p384, p521, rsa2048, rsa3072, rsa4096, ed25519\n"
    "  --keys K      clients share K keys in turn (RSA keys take long to make)\n"
    "  --hash KIND   of the htpasswd: bcrypt (default), yescrypt, sha512, sha256, md5, sha1\n"
    "  --cost N      bcrypt 4-16 (default 5), yescrypt 1-11, sha512 and sha256: rounds\n"
    "  --name NAME   further DNS name or address of the server; again for more\n"
    "  --crl N       put N serial numbers of nobody into the revocation list\n"
    "  --days N      how long the certificates are good (default 365)\n"
    "  --threads N   default: as many as there are processors\n";

struct request {
    struct pki_make_options pki;
    struct users_make_hash hash;
    const char *hash_name;
    unsigned long cost;
    unsigned long clients;
    unsigned long crl;
    unsigned long threads;
    const char *directory;
    const char *names[NAMES_MAX];
};

/* What one thread makes in one round. */
struct share {
    const struct request *request;
    struct pki_make *pki;
    size_t from, to;
    int clients;    /* their directory */
    struct buf pem; /* of one client */
    struct buf users, htpasswd;
    int rc;
    struct err e;
    pthread_t thread;
    bool running;
};

/* The files that grow with the clients. */
struct sinks {
    FILE *users, *htpasswd;
};

static volatile sig_atomic_t stop_asked;

/* ---- The command line ---- */

static int number(const char *option, const char *text, unsigned long least, unsigned long most,
                  unsigned long *out)
{
    uint64_t n = 0;
    if (!str_to_u64(str_of(text), &n) || n < least || n > most) {
        (void)fprintf(stderr, "countersign-bench gen-pki: %s wants a number from %lu to %lu\n",
                      option, least, most);
        return 2;
    }
    *out = (unsigned long)n;
    return 0;
}

static int read_option(int option, const char *value, struct request *r)
{
    unsigned long n = 0;
    switch (option) {
    case 'k':
        r->pki.key = value;
        return 0;
    case 'K':
        return number("--keys", value, 1, SHARED_KEYS_MAX, &r->pki.shared_keys);
    case 'h':
        r->hash_name = value;
        return 0;
    case 'c':
        return number("--cost", value, 1, 5000000, &r->cost);
    case 'n':
        if (r->pki.name_count == NAMES_MAX) {
            (void)fprintf(stderr, "countersign-bench gen-pki: at most %d names\n", NAMES_MAX);
            return 2;
        }
        r->names[r->pki.name_count++] = value;
        return 0;
    case 'r':
        return number("--crl", value, 0, CRL_MAX, &r->crl);
    case 'd':
        if (number("--days", value, 1, DAYS_MAX, &n) != 0) {
            return 2;
        }
        r->pki.days = (unsigned)n;
        return 0;
    case 't':
        return number("--threads", value, 1, THREADS_MAX, &r->threads);
    case 'H':
        (void)fputs(usage_text, stdout);
        return 1;
    default:
        (void)fputs("countersign-bench gen-pki --help tells what it takes\n", stderr);
        return 2;
    }
}

/* Returns 0 to go on, 1 after help, 2 on wrong usage. */
static int read_arguments(int argc, char **argv, struct request *r)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},  {"keys", required_argument, NULL, 'K'},
        {"hash", required_argument, NULL, 'h'}, {"cost", required_argument, NULL, 'c'},
        {"name", required_argument, NULL, 'n'}, {"crl", required_argument, NULL, 'r'},
        {"days", required_argument, NULL, 'd'}, {"threads", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'H'},       {NULL, 0, NULL, 0},
    };
    struct err e = {0};
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int rc = read_option(option, optarg, r);
        if (rc != 0) {
            return rc;
        }
    }
    if (argc - optind != 2) {
        (void)fputs("countersign-bench gen-pki: say how many clients and in which directory\n",
                    stderr);
        return 2;
    }
    r->directory = argv[optind + 1];
    r->pki.names = r->names;
    if (number("N", argv[optind], 1, CLIENTS_MAX, &r->clients) != 0) {
        return 2;
    }
    if (users_make_hash_of(r->hash_name, r->cost, &r->hash, &e) != 0) {
        (void)fprintf(stderr, "countersign-bench gen-pki: %s\n", e.text);
        return 2;
    }
    return 0;
}

/* ---- Files ---- */

/* Open DIRECTORY, made if it is not there, if nothing is in it. Returns a descriptor, or a negative
 * err_code with e. */
static int open_directory(const char *path, struct err *e)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return err_set_errno(e, ERR_IO, errno, "cannot make %s", path);
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(dup(fd)) : NULL;
    if (d == NULL) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        return err_set_errno(e, ERR_IO, why, "cannot read %s", path);
    }
    size_t entries = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own */
    while (readdir(d) != NULL) {
        entries++;
    }
    closedir(d);
    if (entries > 2) { /* more than "." and ".." */
        close(fd);
        return err_set(e, ERR_EXISTS, "%s is not empty, and nothing is overwritten: name another",
                       path);
    }
    return fd;
}

static FILE *create(int directory, const char *name, struct err *e)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (f == NULL) {
        err_set_errno(e, ERR_IO, errno, "cannot write %s", name);
        if (fd >= 0) {
            close(fd);
        }
    }
    return f;
}

static int append(FILE *f, const struct buf *b, struct err *e)
{
    struct str s = buf_str(b);
    return fwrite(s.p, 1, s.n, f) == s.n ? 0
                                         : err_set_errno(e, ERR_IO, errno, "cannot write a file");
}

/* Write a and b (NULL: nothing) as a file of its own. */
static int write_file(int directory, const char *name, const struct buf *a, const struct buf *b,
                      struct err *e)
{
    FILE *f = create(directory, name, e);
    if (f == NULL) {
        return -ERR_IO;
    }
    int rc = append(f, a, e);
    if (rc == 0 && b != NULL) {
        rc = append(f, b, e);
    }
    if (fclose(f) != 0 && rc == 0) {
        rc = err_set_errno(e, ERR_IO, errno, "cannot write %s", name);
    }
    return rc;
}

/* A pair of certificate and key in files; both: also in one (NULL: not). */
static int write_pair(int directory,
                      int (*make)(struct pki_make *, struct buf *, struct buf *, struct err *),
                      struct pki_make *p, const char *const names[3], struct err *e)
{
    struct buf cert;
    struct buf key;
    buf_init(&cert, ROUND_BYTES_MAX);
    buf_init(&key, ROUND_BYTES_MAX);
    int rc = make(p, &cert, &key, e);
    if (rc == 0) {
        rc = write_file(directory, names[0], &cert, NULL, e);
    }
    if (rc == 0) {
        rc = write_file(directory, names[1], &key, NULL, e);
    }
    if (rc == 0 && names[2] != NULL) {
        rc = write_file(directory, names[2], &cert, &key, e);
    }
    buf_release(&cert);
    buf_wipe(&key);
    return rc;
}

static int write_crl(int directory, struct pki_make *p, size_t count, struct err *e)
{
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    int rc = pki_make_crl(p, count, &text, e);
    if (rc == 0) {
        rc = write_file(directory, PKI_FILES_CRL, &text, NULL, e);
    }
    buf_release(&text);
    return rc;
}

/* ---- Clients ---- */

/* Certificate and key of client number index as a file. */
static int write_client(struct share *s, size_t index, const char *name)
{
    char file[PKI_FILES_NAME_MAX + 8];
    (void)snprintf(file, sizeof(file), PKI_FILES_CLIENT_FORMAT, name);
    int rc = pki_make_client(s->pki, index, name, &s->pem, &s->e);
    if (rc == 0) {
        rc = write_file(s->clients, file, &s->pem, NULL, &s->e);
    }
    buf_clear(&s->pem);
    return rc;
}

static int make_client(struct share *s, size_t index)
{
    char name[PKI_FILES_NAME_MAX];
    char password[USERS_MAKE_PASSWORD + 1];
    char hash[USERS_MAKE_HASH_MAX + 1];
    (void)snprintf(name, sizeof(name), PKI_FILES_NAME_FORMAT, index);
    int rc = write_client(s, index, name);
    if (rc == 0) {
        rc = users_make_password(password, &s->e);
    }
    if (rc == 0) {
        rc = users_make_hash(&s->request->hash, password, hash, &s->e);
    }
    if (rc == 0 && (buf_printf(&s->users, "%s %s %s\n", name, name, password) != 0 ||
                    buf_printf(&s->htpasswd, "%s:%s\n", name, hash) != 0)) {
        rc = err_set(&s->e, ERR_NOMEM, "out of memory");
    }
    mem_wipe(password, sizeof(password));
    return rc;
}

static void *make_share(void *arg)
{
    struct share *s = arg;
    for (size_t i = s->from; i < s->to && s->rc == 0; i++) {
        s->rc = make_client(s, i);
    }
    return NULL;
}

/* Clients [from, to) by all threads, each its piece. */
static int make_round(struct share *shares, size_t n, size_t from, size_t to, struct err *e)
{
    size_t each = (to - from + n - 1) / n;
    for (size_t i = 0; i < n; i++) {
        struct share *s = &shares[i];
        s->from = from + i * each < to ? from + i * each : to;
        s->to = s->from + each < to ? s->from + each : to;
        s->running = i > 0 && pthread_create(&s->thread, NULL, make_share, s) == 0;
        if (i > 0 && !s->running) {
            make_share(s);
        }
    }
    make_share(&shares[0]);
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        if (shares[i].running) {
            pthread_join(shares[i].thread, NULL);
        }
        if (rc == 0 && shares[i].rc != 0) {
            rc = shares[i].rc;
            *e = shares[i].e;
        }
    }
    return rc;
}

static int write_round(struct share *shares, size_t n, const struct sinks *to, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = append(to->users, &shares[i].users, e);
        if (rc == 0) {
            rc = append(to->htpasswd, &shares[i].htpasswd, e);
        }
        buf_clear(&shares[i].users);
        buf_clear(&shares[i].htpasswd);
    }
    return rc;
}

static void tell_progress(size_t done, size_t all)
{
    if (all >= TELL_FROM && isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r%zu of %zu clients%s", done, all, done == all ? "\n" : "");
    }
}

static int make_rounds(const struct request *r, struct share *shares, size_t n,
                       const struct sinks *to, struct err *e)
{
    size_t next = 0;
    for (size_t done = 0; done < r->clients; done = next) {
        next = done + n * CLIENTS_A_ROUND;
        next = next < r->clients ? next : r->clients;
        int rc = make_round(shares, n, done, next, e);
        if (rc == 0) {
            rc = write_round(shares, n, to, e);
        }
        if (rc == 0 && stop_asked) {
            rc = err_set(e, ERR_CLOSED, "interrupted");
        }
        if (rc != 0) {
            return rc;
        }
        tell_progress(next, r->clients);
    }
    return 0;
}

static int make_clients(const struct request *r, struct pki_make *p, int clients,
                        const struct sinks *to, struct err *e)
{
    size_t n = r->threads < r->clients ? r->threads : r->clients;
    struct share *shares = mem_calloc(n, sizeof(*shares));
    if (shares == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        shares[i].request = r;
        shares[i].pki = p;
        shares[i].clients = clients;
        buf_init(&shares[i].pem, ROUND_BYTES_MAX);
        buf_init(&shares[i].users, ROUND_BYTES_MAX);
        buf_init(&shares[i].htpasswd, ROUND_BYTES_MAX);
    }
    int rc = make_rounds(r, shares, n, to, e);
    for (size_t i = 0; i < n; i++) {
        buf_wipe(&shares[i].pem);
        buf_wipe(&shares[i].users);
        buf_release(&shares[i].htpasswd);
    }
    mem_free(shares);
    return rc;
}

/* ---- All of it ---- */

static int close_file(FILE *f, int rc, struct err *e)
{
    if (f != NULL && fclose(f) != 0 && rc == 0) {
        return err_set_errno(e, ERR_IO, errno, "cannot write a file");
    }
    return rc;
}

static int write_clients(const struct request *r, struct pki_make *p, int directory, struct err *e)
{
    struct sinks to = {0};
    if (mkdirat(directory, PKI_FILES_CLIENTS, 0700) != 0) {
        return err_set_errno(e, ERR_IO, errno, "cannot make the directory %s", PKI_FILES_CLIENTS);
    }
    int clients = openat(directory, PKI_FILES_CLIENTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (clients < 0) {
        return err_set_errno(e, ERR_IO, errno, "cannot read the directory %s", PKI_FILES_CLIENTS);
    }
    int rc = -ERR_IO;
    if ((to.users = create(directory, PKI_FILES_USERS, e)) != NULL &&
        (to.htpasswd = create(directory, PKI_FILES_HTPASSWD, e)) != NULL) {
        rc = make_clients(r, p, clients, &to, e);
    }
    close(clients);
    rc = close_file(to.users, rc, e);
    return close_file(to.htpasswd, rc, e);
}

static int write_all(const struct request *r, int directory, struct err *e)
{
    static const char *const ca[] = {PKI_FILES_CA_CERT, PKI_FILES_CA_KEY, NULL};
    static const char *const server[] = {PKI_FILES_SERVER_CERT, PKI_FILES_SERVER_KEY,
                                         PKI_FILES_SERVER_BOTH};
    struct pki_make *p = pki_make_new(&r->pki, e);
    int rc = p != NULL ? 0 : -(int)e->code;
    if (rc == 0) {
        rc = write_pair(directory, pki_make_ca, p, ca, e);
    }
    if (rc == 0) {
        rc = write_pair(directory, pki_make_server, p, server, e);
    }
    if (rc == 0) {
        rc = write_crl(directory, p, r->crl, e);
    }
    if (rc == 0) {
        rc = write_clients(r, p, directory, e);
    }
    pki_make_free(p);
    return rc;
}

/* The directory was empty before: whatever has our names is ours. */
static void remove_all(const struct request *r, int directory)
{
    static const char *const names[] = {
        PKI_FILES_CA_CERT,    PKI_FILES_CA_KEY,      PKI_FILES_CRL,   PKI_FILES_SERVER_CERT,
        PKI_FILES_SERVER_KEY, PKI_FILES_SERVER_BOTH, PKI_FILES_USERS, PKI_FILES_HTPASSWD,
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlinkat(directory, names[i], 0);
    }
    for (size_t i = 0; i < r->clients; i++) {
        char name[PKI_FILES_NAME_MAX];
        char path[PKI_FILES_NAME_MAX + 32];
        (void)snprintf(name, sizeof(name), PKI_FILES_NAME_FORMAT, i);
        (void)snprintf(path, sizeof(path), "%s/" PKI_FILES_CLIENT_FORMAT, PKI_FILES_CLIENTS, name);
        (void)unlinkat(directory, path, 0);
    }
    (void)unlinkat(directory, PKI_FILES_CLIENTS, AT_REMOVEDIR);
}

static void on_stop_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static int fail(const struct err *e)
{
    (void)fprintf(stderr, "countersign-bench gen-pki: %s\n",
                  e->code != ERR_OK ? e->text : "out of memory");
    return e->code == ERR_MALFORMED ? 2 : 1;
}

int bench_gen_pki_main(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct request r = {
        .pki = {.key = "p256", .days = 365},
        .threads = processors > 0 && processors <= THREADS_MAX ? (unsigned long)processors : 1};
    struct sigaction action = {.sa_handler = on_stop_signal};
    struct err e = {0};
    int asked = read_arguments(argc, argv, &r);
    if (asked != 0) {
        return asked == 1 ? 0 : asked;
    }
    int directory = open_directory(r.directory, &e);
    if (directory < 0) {
        return fail(&e);
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int rc = write_all(&r, directory, &e);
    if (rc != 0) {
        remove_all(&r, directory);
    }
    close(directory);
    if (rc != 0) {
        return fail(&e);
    }
    (void)printf(
        "%s: a CA, a server and %lu clients\n"
        "  countersign-bench --ca %s/%s --certs %s --users %s/%s https://localhost:PORT/\n",
        r.directory, r.clients, r.directory, PKI_FILES_CA_CERT, r.directory, r.directory,
        PKI_FILES_USERS);
    return 0;
}
