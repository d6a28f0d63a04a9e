/* Configurations with one mistake each where certificates are issued. */
#include "tests/unit/conf/mistakes.h"

#define CA                                                                                         \
    "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n"                                    \
    "  profiles: { client: { operators: [ ops ] } }\n"

static const struct mistake rows[] = {
    {"no key", WITH_ALL,
     "ca:\n  certificate: i.crt\n  store: ca.db\n  profiles: { a: { approvals: 0 } }\n",
     AT "1:1" ERROR "ca.key: is needed to issue certificates"},
    {"no store", WITH_ALL,
     "ca:\n  certificate: i.crt\n  key: i.key\n  profiles: { a: { approvals: 0 } }\n",
     AT "1:1" ERROR "ca.store: is needed to issue certificates"},
    {"no profile", WITH_ALL, "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n",
     AT "1:1" ERROR "ca.profiles: there is no kind of certificate to issue"},
    {"nobody to ask", WITH_ALL,
     "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n  profiles: { a: { life: 1 } }\n",
     AT "5:15" ERROR "ca.profiles.a.operators: nobody could agree to a request of this profile"},
    {"a kind of key that there is not", WITH_ALL,
     "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n"
     "  profiles: { a: { approvals: 0, keys: [ dsa ] } }\n",
     AT "5:42" ERROR
        "ca.profiles.a.keys[0]: \"dsa\": is not a kind of key: p256, p384, ed25519 or rsa"},
    {"a process that is told nobody", WITH_ALL,
     CA "  socket: ca.sock\nheaders: { dialects: [ rfc9440 ] }\nrevocation: { deny: d }\n",
     AT "6:11" ERROR "ca.socket: the CA's process could not be told who asks"},
    {"withdrawals that nobody hears of", WITH_ALL, CA "  socket: ca.sock\n",
     AT "6:11" WARNING "revocation.deny: is not given: the proxy would go on taking certificates "
        "that the CA withdraws"},
    {"a notifier without a way", WITH_ALL, CA "  notifiers: { mail: { timeout: 3s } }\n",
     AT "6:16" ERROR "ca.notifiers.mail: one of program, smtp and webhook must be given"},
    {"a notifier with two", WITH_ALL,
     CA "  notifiers: { mail: { program: [ /a ], webhook: \"https://b/\" } }\n",
     AT "6:16" ERROR "ca.notifiers.mail: one of program, smtp and webhook must be given"},
    {"a program that a path would look for", WITH_ALL,
     CA "  notifiers: { mail: { program: [ tell ] } }\n",
     AT "6:16" ERROR "ca.notifiers.mail.program: must be the path of a program"},
    {"mail from nobody", WITH_ALL, CA "  notifiers: { mail: { smtp: \"smtps://m\" } }\n",
     AT "6:16" ERROR "ca.notifiers.mail.from: is needed for mail"},
    {"a login without a password", WITH_ALL,
     CA "  notifiers: { mail: { smtp: \"smtps://m\", from: a@b, user: u } }\n",
     AT "6:16" ERROR "ca.notifiers.mail.password_file: goes with user"},
    {"a secret for a program", WITH_ALL,
     CA "  notifiers: { mail: { program: [ /a ], secret_file: s } }\n",
     AT "6:16" ERROR "ca.notifiers.mail.secret_file: is for webhook alone"},
    {"a way that there is not", WITH_ALL, CA "  notify: { password: mail }\n",
     AT "6:23" ERROR "ca.notify.password: there is no notifier \"mail\""},
    {"codes without a link", WITH_ALL,
     CA "  notify: { code: mail }\n  notifiers: { mail: { program: [ /a ] } }\n",
     AT "6:19" ERROR "ca.public_url: is needed: people must be told where to give their code"},
    {"one way for both", WITH_ALL,
     CA "  public_url: https://p\n  notify: { code: mail, password: mail }\n"
        "  notifiers: { mail: { program: [ /a ] } }\n",
     AT "7:35" WARNING "ca.notify.password: goes the same way as the code: who reads the one reads "
        "the other"},
    {"two ways", WITH_ALL,
     CA "  public_url: https://p\n  notify: { code: mail, before: [ 30, 1 ] }\n"
        "  notifiers: { mail: { smtp: \"smtp://m\", from: a@b } }\n",
     NULL},
    {"an account with a colon", WITH_ALL, CA "  local_accounts: { bob: \"local:bob\" }\n",
     AT "6:26" ERROR
        "ca.local_accounts.bob: \"local:bob\": a user name cannot hold a colon (RFC 7617)"},
    {"two who must agree, and one known", WITH_ALL,
     "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n"
     "  profiles: { a: { approvals: 2, operators: [ \"local:ops\" ] } }\n"
     "  local_accounts: { bob: bob@example.com }\n",
     AT "5:15" ERROR "ca.profiles.a.operators: 2 operators must agree, and fewer of this machine "
        "have an account"},
    {"two who must agree, and two known", WITH_ALL,
     "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n"
     "  profiles: { a: { approvals: 2, operators: [ \"local:ops\" ] } }\n"
     "  local_accounts: { bob: bob@example.com, eve: eve@example.com }\n",
     NULL},
    {"operators of two kinds, and nobody known", WITH_ALL,
     "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n"
     "  profiles: { a: { operators: [ \"local:ops\", ops ] } }\n",
     AT "5:15" WARNING
        "ca.profiles.a.operators: holds groups of this machine and groups of accounts: one person "
        "may file at the command line and agree by their account"},
    {"the same, in the other order, where two must agree", WITH_ALL,
     "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n"
     "  profiles: { a: { approvals: 2, operators: [ ops, \"local:ops\" ] } }\n",
     AT "5:15" WARNING
        "ca.profiles.a.operators: holds groups of this machine and groups of accounts: one person "
        "may file at the command line and agree by their account"},
    {"operators of two kinds, and somebody known", WITH_ALL,
     "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n"
     "  profiles: { a: { operators: [ \"local:ops\", ops ] } }\n"
     "  local_accounts: { bob: bob@example.com }\n",
     NULL},
    {"operators of two kinds, who are not asked", WITH_ALL,
     "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n"
     "  profiles: { a: { approvals: 0, operators: [ \"local:ops\", ops ] } }\n",
     NULL},
    {"operators of this machine alone", WITH_ALL,
     "ca:\n  certificate: i.crt\n  key: i.key\n  store: ca.db\n"
     "  profiles: { a: { operators: [ \"local:ops\", \"local:more\" ] } }\n",
     NULL},
    {"commands alone", WITH_ALL, CA, NULL},
    {"a process", WITH_ALL, CA "  socket: ca.sock\nrevocation: { deny: d }\n", NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_mistake(&rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
