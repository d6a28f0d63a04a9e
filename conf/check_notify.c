/* Owns: what must fit together where people are told something. One thread a call. */
#include <stdio.h>

#include "conf/check.h"

enum { KEY_TEXT_MAX = 128 };

static bool is_given(const struct conf_text *t)
{
    return t->p != NULL;
}

static void report(const struct conf_notifier *n, struct diags *diags, const char *key,
                   const char *suggestion, const char *text)
{
    char path[KEY_TEXT_MAX];
    (void)snprintf(path, sizeof(path), "ca.notifiers.%.80s%s%s", n->name.p,
                   key[0] != '\0' ? "." : "", key);
    diag_add(diags, DIAG_ERROR, n->at, path, suggestion, "%s", text);
}

static void check_notifier(const struct conf_notifier *n, struct diags *diags)
{
    bool smtp = is_given(&n->smtp);
    int ways = (n->program.n > 0) + smtp + is_given(&n->webhook);
    if (ways != 1) {
        report(n, diags, "", NULL, "one of program, smtp and webhook must be given");
        return;
    }
    if (n->program.n > 0 && n->program.v[0].p[0] != '/') {
        report(n, diags, "program", "Begin with \"/\".", "must be the path of a program");
    }
    if (smtp && !is_given(&n->from)) {
        report(n, diags, "from", "Add from: pki@example.com.", "is needed for mail");
    }
    if (is_given(&n->user) != is_given(&n->password_file)) {
        report(n, diags, "password_file", NULL, "goes with user");
    }
    if (is_given(&n->user) && n->insecure_plain) {
        report(n, diags, "insecure_plain", "Remove it, or the user.",
               "would show the password to the network");
    }
    if (n->insecure_plain && smtp && str_starts(str_of(n->smtp.p), STR("smtps:"))) {
        report(n, diags, "insecure_plain", "Remove it, or use smtp://.", "smtps is never plain");
    }
    if (!smtp && (is_given(&n->from) || is_given(&n->user) || n->insecure_plain)) {
        report(n, diags, "", NULL, "from, user and insecure_plain are for smtp alone");
    }
    if (is_given(&n->secret_file) && !is_given(&n->webhook)) {
        report(n, diags, "secret_file", NULL, "is for webhook alone");
    }
}

static void check_name(const struct conf_ca *ca, const struct conf_text *name, const char *key,
                       struct diags *diags)
{
    bool known = name->p == NULL;
    for (size_t i = 0; i < ca->notifier_count && !known; i++) {
        known = str_eq(str_of(name->p), str_of(ca->notifiers[i].name.p));
    }
    if (!known) {
        diag_add(diags, DIAG_ERROR, name->at, key, "Name one of ca.notifiers.",
                 "there is no notifier \"%s\"", name->p);
    }
}

void check_notify(const struct conf_ca *ca, struct diags *diags)
{
    const struct conf_notify *n = &ca->notify;
    for (size_t i = 0; i < ca->notifier_count; i++) {
        check_notifier(&ca->notifiers[i], diags);
    }
    check_name(ca, &n->code, "ca.notify.code", diags);
    check_name(ca, &n->password, "ca.notify.password", diags);
    check_name(ca, &n->notices, "ca.notify.notices", diags);
    if (n->code.p != NULL && n->password.p != NULL &&
        str_eq(str_of(n->code.p), str_of(n->password.p))) {
        diag_add(diags, DIAG_WARNING, n->password.at, "ca.notify.password",
                 "Name another, or leave it out: then an operator passes the password on.",
                 "goes the same way as the code: who reads the one reads the other");
    }
    if (n->code.p != NULL && ca->public_url.p == NULL) {
        diag_add(diags, DIAG_ERROR, n->code.at, "ca.public_url",
                 "Add public_url: https://proxy.example.com.",
                 "is needed: people must be told where to give their code");
    }
}
