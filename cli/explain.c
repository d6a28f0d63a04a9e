/* countersign explain: what the proxy would decide, at which step and why, asked of the very parts
 * that decide in a worker. Nothing listens and nothing connects. Owns: its options, and what the
 * answer is made of. Leaves the steps to explain_handshake and explain_request. */
#include <getopt.h>
#include <stdio.h>

#include <openssl/pem.h>

#include "auth/withdrawal.h"
#include "base/enc.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/explain_inner.h"
#include "cli/loaded.h"
#include "cli/secret.h"
#include "proxy/proc/build.h"

static const char usage_text[] =
    "usage: countersign explain [-c CONFIG] [--certificate FILE] [--user NAME [-i]] ...\n"
    "\n"
    "Says what the proxy would decide about a request, at which step, and why, and which fields\n"
    "the upstream would see. Nothing is sent; the proxy need not run.\n"
    "\n"
    "  -c, --config CONFIG     default " LOADED_DEFAULT_PATH "\n"
    "      --certificate FILE  the client's certificate, PEM with its chain behind it, or DER;\n"
    "                          left out: the client sends none\n"
    "      --user NAME         the name in the Authorization field; left out: there is no such\n"
    "                          field\n"
    "  -i, --stdin             read the password from standard input; left out: taken as right\n"
    "      --listener ADDRESS  as in the configuration (default: the first)\n"
    "      --name NAME         the server name that the client sends in the handshake, \"\" for\n"
    "                          none (default: the host, none if that is an address)\n"
    "      --host HOST         the Host field, with or without port (default: localhost)\n"
    "      --path PATH         path and query (default: /)\n"
    "      --method METHOD     (default: GET)\n"
    "      --otp               read a one-time code, behind the password; whether it was used\n"
    "                          before is not known here, nor who is locked out\n"
    "      --ocsp ANSWER       what the OCSP responder is taken to say: good, revoked, unknown or\n"
    "                          none (default); none is asked\n"
    "\n"
    "Exit status: 0 let through (also for a report only), 1 refused, 2 wrong usage, or something\n"
    "that the answer needs cannot be used (the configuration, the certificate file).\n";

/* Read the certificate file: the first is the leaf, the rest the chain. */
static int read_certificates(struct explanation *x, struct err *e)
{
    BIO *bio = BIO_new_file(x->q->certificate, "r");
    if (bio == NULL) {
        return err_set(e, ERR_NOT_FOUND, "cannot read %s", x->q->certificate);
    }
    x->leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    x->chain = sk_X509_new_null();
    if (x->leaf == NULL) {
        (void)BIO_reset(bio);
        x->leaf = d2i_X509_bio(bio, NULL);
    } else if (x->chain != NULL) {
        X509 *next = NULL;
        while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
            if (sk_X509_push(x->chain, next) == 0) {
                X509_free(next);
                break;
            }
        }
    }
    BIO_free(bio);
    return x->leaf != NULL && x->chain != NULL
               ? 0
               : err_set(e, ERR_MALFORMED, "%s holds no certificate", x->q->certificate);
}

static int find_listener(struct explanation *x, struct err *e)
{
    const struct conf *conf = x->runtime->conf;
    for (size_t i = 0; i < conf->listener_count; i++) {
        if (x->q->listener == NULL ||
            strcmp(x->q->listener, conf->listeners[i].address_text.p) == 0) {
            x->listener = i;
            explain_say("listener", "%s", conf->listeners[i].address_text.p);
            return 0;
        }
    }
    return err_set(e, ERR_NOT_FOUND, "the configuration has no listener %s", x->q->listener);
}

/* Name and password as an Authorization value into scratch; *value empty (NULL) without a user. */
static int make_authorization(const char *user, struct str password, struct buf *scratch,
                              struct str *value)
{
    struct buf plain;
    *value = STR_NONE;
    if (user == NULL) {
        return 0;
    }
    size_t size = strlen(user) + 1 + password.n;
    buf_init(&plain, size);
    int result = buf_append(&plain, str_of(user));
    if (result == 0) {
        result = buf_append(&plain, STR(":"));
    }
    if (result == 0) {
        result = buf_append(&plain, password);
    }
    buf_init(scratch, ENC_BASE64_LEN(size) + sizeof("Basic "));
    if (result == 0) {
        result = buf_append(scratch, STR("Basic "));
    }
    char *room = result == 0 ? buf_reserve(scratch, ENC_BASE64_LEN(size)) : NULL;
    if (room == NULL) {
        result = -ERR_NOMEM;
    } else {
        buf_commit(scratch, enc_base64(buf_str(&plain), room));
        *value = buf_str(scratch);
    }
    buf_wipe(&plain);
    return result;
}

/* Everything that is asked about is there: answer. */
static int explain(struct explanation *x)
{
    struct err e = {0};
    char secret[SECRET_MAX];
    char code[SECRET_MAX];
    struct str password = STR("(left out)");
    struct buf scratch;
    buf_init(&scratch, 0);
    int status = NO_ANSWER;
    int result = x->q->certificate != NULL ? read_certificates(x, &e) : 0;
    if (result == 0) {
        result = find_listener(x, &e);
    }
    if (result == 0 && x->q->from_stdin) {
        result = secret_read("Password: ", NULL, true, secret, &password, &e);
    }
    if (result == 0 && x->q->otp) {
        result = secret_read("One-time code: ", NULL, x->q->from_stdin, code, &x->code, &e);
    }
    if (result == 0) {
        result = make_authorization(x->q->user, password, &scratch, &x->authorization);
    }
    x->pwcache = pwcache_new(1, 60000);
    if (result == 0 && x->pwcache == NULL) {
        result = -ERR_NOMEM;
    }
    if (result == 0) {
        status = explain_handshake(x);
        status = status == LET_THROUGH ? explain_request(x, password) : status;
    } else {
        fprintf(stderr, "countersign explain: %s\n", e.code != ERR_OK ? e.text : err_name(result));
    }
    mem_wipe(secret, sizeof secret);
    mem_wipe(code, sizeof code);
    buf_wipe(&scratch);
    pwcache_free(x->pwcache);
    return status;
}

static int run(const struct explain_question *q)
{
    struct explanation x = {.q = q};
    struct files *files = files_new();
    struct diags *diags = diags_new();
    struct deny *deny = NULL;
    int status = NO_ANSWER;
    if (files != NULL && diags != NULL) {
        x.runtime = build_runtime(q->config, files, NULL, NULL, diags, TLS_KEYS_OF_FILES);
        deny = x.runtime != NULL ? withdrawal_load(x.runtime->conf, NULL, files, diags) : NULL;
        x.deny = deny;
        if (deny == NULL) {
            diags_print(diags, stderr);
        } else {
            status = explain(&x);
        }
    } else {
        fputs("countersign explain: out of memory\n", stderr);
    }
    explain_head_fini(&x.head);
    explain_ocsp_fini(&x.ocsp);
    told_free(x.told);
    deny_free(deny);
    identity_free(x.identity);
    X509_free(x.leaf);
    sk_X509_pop_free(x.chain, X509_free);
    build_unref(x.runtime);
    diags_free(diags);
    files_free(files);
    return fflush(stdout) == 0 ? status : NO_ANSWER;
}

static bool is_one_line(const char *text)
{
    return text == NULL || strpbrk(text, "\r\n") == NULL;
}

int explain_main(int argc, char **argv)
{
    enum { CERTIFICATE = 256, USER, LISTENER, NAME, HOST, PATH, METHOD, OCSP, OTP = 'O' };
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"stdin", no_argument, NULL, 'i'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"certificate", required_argument, NULL, CERTIFICATE},
                                            {"user", required_argument, NULL, USER},
                                            {"listener", required_argument, NULL, LISTENER},
                                            {"name", required_argument, NULL, NAME},
                                            {"host", required_argument, NULL, HOST},
                                            {"path", required_argument, NULL, PATH},
                                            {"method", required_argument, NULL, METHOD},
                                            {"otp", no_argument, NULL, OTP},
                                            {"ocsp", required_argument, NULL, OCSP},
                                            {NULL, 0, NULL, 0}};
    struct explain_question q = {
        .config = LOADED_DEFAULT_PATH, .host = "localhost", .path = "/", .method = "GET"};
    const char **const targets[] = {&q.certificate, &q.user, &q.listener, &q.name,
                                    &q.host,        &q.path, &q.method,   &q.ocsp};
    int option = 0;
    while ((option = getopt_long(argc, argv, "c:ih", options, NULL)) != -1) {
        if (option >= CERTIFICATE) {
            *targets[option - CERTIFICATE] = optarg;
        } else if (option == 'c') {
            q.config = optarg;
        } else if (option == 'i') {
            q.from_stdin = true;
        } else if (option == OTP) {
            q.otp = true;
        } else {
            fputs(usage_text, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (optind != argc || (q.from_stdin && q.user == NULL) ||
        !explain_ocsp_answer(q.ocsp, &q.ocsp_answer)) {
        fputs(usage_text, stderr);
        return 2;
    }
    if (!is_one_line(q.host) || !is_one_line(q.path) || !is_one_line(q.method)) {
        fputs("countersign explain: host, path and method are one line each\n", stderr);
        return 2;
    }
    return run(&q);
}
