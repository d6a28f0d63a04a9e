/* countersign request: requests for certificates, from the machine where the CA's database is. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ca/deliver.h"
#include "ca/issue.h"
#include "ca/records.h"
#include "cli/ca_open.h"
#include "cli/cli.h"
#include "cli/request_handover.h"
#include "cli/request_show.h"
#include "cli/request_withdraw.h"

static const char usage_text[] =
    "usage: countersign request VERB [-c CONFIG] [OPTION]... [ID]\n"
    "\n"
    "  file -u USER FILE  file the signing request in FILE (- for standard input) for a user\n"
    "  register -u USER   let a person without a signing request have a certificate: for a "
    "one-time\n"
    "                     code, which is made when all operators needed have agreed\n"
    "  code ID            make a new code for somebody who is registered; the old one is dead, as\n"
    "                     is a certificate that was given out and never used\n"
    "  ls                 list requests, the newest first\n"
    "  show ID            show one: who asked, for what, who has agreed\n"
    "  approve ID         agree to it, and sign it if that was the last agreement needed\n"
    "  deny ID            refuse it; -r says why\n"
    "  fetch ID           write the certificate and those above it\n"
    "  withdraw ID        end the certificate; -r is a reason of RFC 5280 (keyCompromise, ...)\n"
    "  lift ID            take a certificate back that is on hold (certificateHold)\n"
    "\n"
    "  -c, --config CONFIG    the configuration (default " LOADED_DEFAULT_PATH ")\n"
    "  -u, --user USER        the account that it is for (file, register), or those of this user\n"
    "                         (ls)\n"
    "  -p, --profile NAME     the kind of certificate (file, register; default: the only one "
    "there\n"
    "                         is)\n"
    "      --company NAME     the person's company (register; default: the account's, or\n"
    "                         else the profile's)\n"
    "      --state STATE      those in this state: pending, approved, denied, issued, delivered,\n"
    "                         active, renewed, withdrawn, expired (ls)\n"
    "      --limit N          list N requests at most (ls)\n"
    "      --after N          begin behind this one, as \"next\" of the JSON says (ls)\n"
    "  -r, --reason TEXT      for the one who asked (deny); of the withdrawal (withdraw)\n"
    "  -w, --write FILE       where to write the certificate; must not exist (fetch; default:\n"
    "                         standard output)\n"
    "  -o, --output FORM      table (default) or json (ls, show)\n"
    "\n"
    "You act as local:NAME of your account on this machine, with its groups as local:GROUP; one\n"
    "of them must be among the profile's operators to approve, deny, withdraw and lift. Whom\n"
    "ca.local_accounts names acts as that account to file, register and approve.\n"
    "\n"
    "Exit status: 0 done, 1 not done, 2 wrong usage.\n";

#define CHAIN_MAX 65536

struct wish {
    const char *config;
    const char *user;
    const char *profile;
    const char *company;
    const char *state;
    const char *reason;
    const char *write;
    const char *argument;
    uint64_t after;
    uint64_t limit; /* 0: none */
    bool json;
    struct ca_open open;
    struct ca_operator here;
};

static int complain(const struct err *e)
{
    (void)fprintf(stderr, "countersign request: %s\n", e->text);
    return 1;
}

static int read_csr(const char *path, char *out, size_t *n, struct err *e)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;
    *n = 0;
    if (fd < 0) {
        return err_set_errno(e, ERR_IO, errno, "%s", path);
    }
    while (*n <= CSR_OCTETS_MAX && (got = read(fd, out + *n, CSR_OCTETS_MAX + 1 - *n)) > 0) {
        *n += (size_t)got;
    }
    int rc = got < 0 ? err_set_errno(e, ERR_IO, errno, "%s", path) : 0;
    if (fd != STDIN_FILENO) {
        (void)close(fd);
    }
    return rc;
}

static const struct conf_ca_profile *profile_of(const struct wish *w, struct err *e)
{
    const struct conf_ca *ca = w->open.life.conf;
    if (w->profile == NULL && ca->profile_count == 1) {
        return &ca->profiles[0];
    }
    const struct conf_ca_profile *p = life_profile(&w->open.life, str_of(w->profile));
    if (p == NULL) {
        (void)err_set(e, ERR_NOT_FOUND, "%s",
                      w->profile == NULL ? "say which profile with -p"
                                         : "there is no such profile");
    }
    return p;
}

static int file(struct wish *w, struct err *e)
{
    char octets[CSR_OCTETS_MAX + 1];
    size_t n = 0;
    struct csr *csr = NULL;
    struct life_id id;
    const struct conf_ca_profile *p = profile_of(w, e);
    if (p == NULL) {
        return -ERR_NOT_FOUND;
    }
    if (w->user == NULL) {
        return err_set(e, ERR_NOT_FOUND, "say for whom it is with -u");
    }
    int rc = read_csr(w->argument, octets, &n, e);
    rc = rc == 0 ? csr_read((struct str){octets, n}, &csr, e) : rc;
    rc = rc == 0 ? csr_check(csr, p, str_of(w->user), life_rule(&w->open.life), e) : rc;
    if (rc == 0) {
        struct request_filing filing = {.csr = csr,
                                        .profile = str_of(p->name.p),
                                        .user = str_of(w->user),
                                        .company = str_of(csr->company)};
        rc = request_file(&w->open.life, &w->here.self.who, &filing, &id, e);
    }
    csr_free(csr);
    if (rc == 0) {
        (void)printf("%s\n", id.text);
    }
    return rc;
}

static int register_person(struct wish *w, struct err *e)
{
    const struct request_handover h = {&w->open, &w->here.self};
    const struct conf_ca_profile *p = profile_of(w, e);
    if (p == NULL) {
        return -ERR_NOT_FOUND;
    }
    if (w->user == NULL) {
        return err_set(e, ERR_NOT_FOUND, "say for whom it is with -u");
    }
    const struct handover_person person = {
        .user = str_of(w->user), .company = str_of(w->company), .profile = str_of(p->name.p)};
    return request_handover_register(&h, &person, e);
}

static int make_code(struct wish *w, struct err *e)
{
    const struct request_handover h = {&w->open, &w->here.self};
    return request_handover_code(&h, str_of(w->argument), e);
}

static int list(struct wish *w, struct err *e)
{
    enum life_state state = life_state_of(str_of(w->state));
    struct request_show_wish list = {
        .json = w->json, .user = str_of(w->user), .after = w->after, .limit = w->limit};
    if (w->state != NULL) {
        if (state == LIFE_STATE_COUNT) {
            return err_set(e, ERR_NOT_FOUND,
                           "there is no state \"%.40s\": pending, approved, denied, issued, "
                           "delivered, active, renewed, withdrawn or expired",
                           w->state);
        }
        list.state = &state;
    }
    return request_show_list(&w->open.life, &list, e);
}

static int show(struct wish *w, struct err *e)
{
    return request_show(&w->open.life, str_of(w->argument), w->json, e);
}

struct noted {
    enum life_state state;
    enum life_kind kind;
};

static bool note_state(void *arg, const struct record *r)
{
    *(struct noted *)arg = (struct noted){r->state, r->kind};
    return true;
}

static int approve(struct wish *w, struct err *e)
{
    struct noted is = {LIFE_PENDING, LIFE_KIND_CSR};
    struct str id = str_of(w->argument);
    int rc = request_approve(&w->open.life, &w->here.self, id, e);
    rc = rc == 0 ? record_show(&w->open.life, id, note_state, &is, e) : rc;
    bool waits = is.kind == LIFE_KIND_REGISTERED;
    if (rc == 0 && is.state == LIFE_APPROVED && !waits) {
        rc = issue(&w->open.life, id, e);
        is.state = rc == 0 ? LIFE_ISSUED : is.state;
    }
    if (rc == 0) {
        (void)printf("%s\n", life_state_name(is.state));
    }
    return rc == 0 && is.state == LIFE_APPROVED && waits ? make_code(w, e) : rc;
}

static int deny(struct wish *w, struct err *e)
{
    int rc = request_deny(&w->open.life, &w->here.self, str_of(w->argument), str_of(w->reason), e);
    if (rc == 0) {
        (void)puts("denied");
    }
    return rc;
}

static int write_new(const char *path, struct str text, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        return err_set_errno(e, ERR_IO, errno, "%s", path);
    }
    int rc = write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0
                 ? 0
                 : err_set_errno(e, ERR_IO, errno, "%s", path);
    (void)close(fd);
    if (rc != 0) {
        (void)unlink(path);
    }
    return rc;
}

static int fetch(struct wish *w, struct err *e)
{
    struct buf out;
    buf_init(&out, CHAIN_MAX);
    int rc = deliver(&w->open.life, &w->here.self.who, str_of(w->argument), &out, e);
    if (rc == 0 && w->write != NULL) {
        rc = write_new(w->write, buf_str(&out), e);
    } else if (rc == 0) {
        (void)fwrite(buf_str(&out).p, 1, buf_len(&out), stdout);
    }
    buf_release(&out);
    return rc;
}

static int withdraw(struct wish *w, struct err *e)
{
    return request_withdraw(&w->open, &w->here, w->argument, w->reason, e);
}

static int lift(struct wish *w, struct err *e)
{
    return request_lift(&w->open, &w->here, w->argument, e);
}

static const struct {
    const char *name;
    int (*run)(struct wish *w, struct err *e);
    bool argument;
    enum ca_open_with with;
    bool people; /* accounts are asked */
} verbs[] = {
    {"register", register_person, false, CA_OPEN_DATABASE, true},
    {"code", make_code, true, CA_OPEN_DATABASE, true},
    {"file", file, true, CA_OPEN_CERTIFICATES, true},
    {"ls", list, false, CA_OPEN_DATABASE, false},
    {"show", show, true, CA_OPEN_DATABASE, false},
    {"approve", approve, true, CA_OPEN_KEY, true},
    {"deny", deny, true, CA_OPEN_DATABASE, false},
    {"fetch", fetch, true, CA_OPEN_CERTIFICATES, false},
    {"withdraw", withdraw, true, CA_OPEN_DATABASE, false},
    {"lift", lift, true, CA_OPEN_DATABASE, false},
};

static int wrong_usage(const char *verb, const char *what)
{
    (void)fprintf(stderr, "countersign request: %s%s\n\n%s", verb, what, usage_text);
    return 2;
}

static int run(struct wish *w, const char *verb)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, verb) != 0) {
            continue;
        }
        if (verbs[i].argument != (w->argument != NULL)) {
            return wrong_usage(verb, !verbs[i].argument     ? " takes no argument"
                                     : verbs[i].run == file ? ": the signing request is missing"
                                                            : ": the request's id is missing");
        }
        struct err e = {0};
        int rc = ca_open(&w->open, w->config, verbs[i].with, &e);
        rc = rc == 0 ? ca_operator_here(&w->here, &e) : rc;
        rc = rc == 0 && verbs[i].people ? ca_open_people(&w->open, &e) : rc;
        rc = rc == 0 && verbs[i].people ? ca_operator_account(&w->here, &w->open, &e) : rc;
        rc = rc == 0 ? verbs[i].run(w, &e) : rc;
        ca_operator_fini(&w->here);
        ca_close(&w->open);
        return rc == 0 ? 0 : complain(&e);
    }
    return wrong_usage(verb, ": there is no such verb");
}

enum { STATE = 256, COMPANY, LIMIT, AFTER, OPTION_END };

static int take_number(const char *option, const char *text, uint64_t *out)
{
    return str_to_u64(str_of(text), out) && *out > 0 && *out <= INT64_MAX
               ? 0
               : wrong_usage(option, " takes a number above 0");
}

/* Take one option. Returns 0 or the exit status. */
static int take_option(struct wish *w, int c)
{
    const char **const texts[OPTION_END] = {
        ['c'] = &w->config, ['u'] = &w->user,  ['p'] = &w->profile,    [STATE] = &w->state,
        ['r'] = &w->reason, ['w'] = &w->write, [COMPANY] = &w->company};
    switch (c) {
    case LIMIT:
        return take_number("--limit", optarg, &w->limit);
    case AFTER:
        return take_number("--after", optarg, &w->after);
    case 'o':
        w->json = strcmp(optarg, "json") == 0;
        return w->json || strcmp(optarg, "table") == 0
                   ? 0
                   : wrong_usage("-o", " takes table or json; a file to write to is -w");
    default:
        break;
    }
    if (c < 0 || c >= OPTION_END || texts[c] == NULL) {
        (void)fputs(usage_text, stderr);
        return 2;
    }
    *texts[c] = optarg;
    return 0;
}

int request_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"user", required_argument, NULL, 'u'},
        {"profile", required_argument, NULL, 'p'},
        {"state", required_argument, NULL, STATE},
        {"reason", required_argument, NULL, 'r'},
        {"write", required_argument, NULL, 'w'},
        {"company", required_argument, NULL, COMPANY},
        {"limit", required_argument, NULL, LIMIT},
        {"after", required_argument, NULL, AFTER},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static struct wish w;
    w.config = LOADED_DEFAULT_PATH;
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((c = getopt_long(argc, argv, "c:u:p:r:w:o:h", options, NULL)) != -1) {
        if (c == 'h') {
            return fputs(usage_text, stdout) < 0 ? 1 : 0;
        }
        int status = take_option(&w, c);
        if (status != 0) {
            return status;
        }
    }
    if (argc - optind < 1 || argc - optind > 2) {
        (void)fputs(usage_text, stderr);
        return 2;
    }
    w.argument = argc - optind == 2 ? argv[optind + 1] : NULL;
    return run(&w, argv[optind]);
}
