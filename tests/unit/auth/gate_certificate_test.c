/* The gate's first steps: what a certificate, or having none, is refused for. */
#include "auth/gate_certificate.h"
#include "tests/support/check.h"
#include "tests/unit/auth/users_lab.h"

#define NOW_MS INT64_C(1800000000000)

static struct users *lenient; /* bob may come without a certificate */
static struct users *strict;  /* nobody may */

static const struct identity alice = {.reason = REASON_OK,
                                      .user = {"alice", 5},
                                      .digest = {1},
                                      .not_before_ms = NOW_MS - 1000,
                                      .not_after_ms = NOW_MS + 60000};
static const struct identity unnamed = {.reason = REASON_CERT_IDENTITY_MISSING, .digest = {2}};

static const struct trust_term forever = {INT64_MAX, REASON_INTERNAL};

static struct gate_peer with(const struct identity *identity)
{
    return (struct gate_peer){.identity = identity,
                              .certificate = REASON_OK,
                              .term = forever,
                              .mode = CONF_CLIENT_REQUIRE};
}

static struct gate_peer without(enum conf_client_mode mode)
{
    return (struct gate_peer){.certificate = REASON_CLIENT_CERT_MISSING, .mode = mode};
}

static void check_reason(const char *says, enum reason got, enum reason wanted)
{
    CHECK_STR(says, str_of(reason_token(got)), str_of(reason_token(wanted)));
}

static void test_accepted(void **state)
{
    (void)state;
    const struct gate_peer named = with(&alice);
    const struct gate_peer no_name = with(&unnamed);
    const struct gate_peer none_where_required = without(CONF_CLIENT_REQUIRE);
    const struct gate_peer none_of_no_mode = without((enum conf_client_mode)99);
    const struct gate_peer none = without(CONF_CLIENT_OPTIONAL);
    const struct gate_peer off = without(CONF_CLIENT_OFF);
    const struct gate_peer broken = {.certificate = REASON_OK};
    const struct gate_peer cleared = {0};
    const struct gate_peer refused = {.identity = &alice,
                                      .certificate = REASON_CLIENT_CERT_UNKNOWN_CA,
                                      .mode = CONF_CLIENT_OPTIONAL};
    const struct {
        const char *says;
        const struct gate_peer *peer;
        enum conf_require require;
        struct users *users;
        enum reason reason;
    } rows[] = {
        {"the site requires one, the route nothing", &none_where_required, CONF_REQUIRE_NONE,
         lenient, REASON_CLIENT_CERT_MISSING},
        {"an unknown mode requires one", &none_of_no_mode, CONF_REQUIRE_NONE, lenient,
         REASON_CLIENT_CERT_MISSING},
        {"the route requires one", &none, CONF_REQUIRE_CERTIFICATE, lenient,
         REASON_CERT_REQUIRED_BY_ROUTE},
        {"the route requires one where none is asked for", &off, CONF_REQUIRE_CERTIFICATE, lenient,
         REASON_CERT_REQUIRED_BY_ROUTE},
        {"both, and nobody may come without", &none, CONF_REQUIRE_BOTH, strict,
         REASON_CERT_REQUIRED_BY_ROUTE},
        {"an unknown requirement is the strictest", &none, (enum conf_require)99, lenient,
         REASON_CERT_REQUIRED_BY_ROUTE},
        {"not accepted, nothing required", &refused, CONF_REQUIRE_NONE, lenient,
         REASON_CLIENT_CERT_UNKNOWN_CA},
        {"not accepted, a password would do", &refused, CONF_REQUIRE_EITHER, lenient,
         REASON_CLIENT_CERT_UNKNOWN_CA},
        {"accepted without an identity: our mistake", &broken, CONF_REQUIRE_NONE, lenient,
         REASON_INTERNAL},
        {"a cleared peer", &cleared, CONF_REQUIRE_NONE, lenient, REASON_INTERNAL},
        {"names nobody, and the certificate counts", &no_name, CONF_REQUIRE_CERTIFICATE, lenient,
         REASON_CERT_IDENTITY_MISSING},
        {"names nobody, and either counts", &no_name, CONF_REQUIRE_EITHER, lenient,
         REASON_CERT_IDENTITY_MISSING},
        {"names nobody, and both count", &no_name, CONF_REQUIRE_BOTH, lenient,
         REASON_CERT_IDENTITY_MISSING},

        {"names nobody, which only the password does", &no_name, CONF_REQUIRE_PASSWORD, lenient,
         REASON_OK},
        {"names nobody, and nobody asks", &no_name, CONF_REQUIRE_NONE, lenient, REASON_OK},
        {"none, and somebody may come without", &none, CONF_REQUIRE_BOTH, lenient, REASON_OK},
        {"none, and a password does", &none, CONF_REQUIRE_PASSWORD, strict, REASON_OK},
        {"none, and either does", &off, CONF_REQUIRE_EITHER, strict, REASON_OK},
        {"none, and nothing is asked", &off, CONF_REQUIRE_NONE, strict, REASON_OK},
        {"alice's", &named, CONF_REQUIRE_BOTH, strict, REASON_OK},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct gate_question q = {
            .peer = rows[i].peer, .require = rows[i].require, .users = rows[i].users};
        check_reason(rows[i].says, gate_certificate_accepted(&q), rows[i].reason);
    }
}

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        int64_t wall_ms;
        enum reason reason;
    } times[] = {
        {"before notBefore", NOW_MS - 1001, REASON_CLIENT_CERT_NOT_YET_VALID},
        {"long before", 0, REASON_CLIENT_CERT_NOT_YET_VALID},
        {"after notAfter", NOW_MS + 61000, REASON_CLIENT_CERT_EXPIRED},
        {"long after", INT64_MAX, REASON_CLIENT_CERT_EXPIRED},
        {"at notBefore", NOW_MS - 1000, REASON_OK},
        {"at notAfter", NOW_MS + 60000, REASON_OK},
        {"in the second of notAfter", NOW_MS + 60999, REASON_OK},
    };
    const struct gate_peer peer = with(&alice);
    for (size_t i = 0; i < ROWS(times); i++) {
        const struct gate_question q = {.peer = &peer, .wall_ms = times[i].wall_ms};
        check_reason(times[i].says, gate_certificate_stands(&q), times[i].reason);
    }
    const struct gate_peer none = without(CONF_CLIENT_OFF);
    const struct gate_question q = {.peer = &none, .wall_ms = NOW_MS};
    check_reason("none has no end", gate_certificate_stands(&q), REASON_OK);
}

/* What stands above the certificate ends earlier than it does. */
static void test_term(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct trust_term term;
        enum reason reason;
    } terms[] = {
        {"nothing was said", {0}, REASON_INTERNAL},
        {"over, and nothing said of why", {NOW_MS, REASON_OK}, REASON_INTERNAL},
        {"the CRL has expired since", {NOW_MS, REASON_CRL_EXPIRED}, REASON_CRL_EXPIRED},
        {"a CA has", {NOW_MS - 1, REASON_CLIENT_CERT_EXPIRED}, REASON_CLIENT_CERT_EXPIRED},
        {"the last millisecond", {NOW_MS + 1, REASON_CRL_EXPIRED}, REASON_OK},
    };
    for (size_t i = 0; i < ROWS(terms); i++) {
        struct gate_peer peer = with(&alice);
        peer.term = terms[i].term;
        const struct gate_question q = {.peer = &peer, .wall_ms = NOW_MS};
        check_reason(terms[i].says, gate_certificate_stands(&q), terms[i].reason);
    }
}

static void test_suffices(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum conf_require require;
        size_t fields;
        bool with, without;
    } rows[] = {
        {"both", CONF_REQUIRE_BOTH, 0, false, false},
        {"a password", CONF_REQUIRE_PASSWORD, 0, false, false},
        {"what nobody knows", (enum conf_require)99, 0, false, false},
        {"either, and a password is shown", CONF_REQUIRE_EITHER, 1, false, false},
        {"either", CONF_REQUIRE_EITHER, 0, true, false},
        {"a certificate", CONF_REQUIRE_CERTIFICATE, 0, true, false},
        {"a certificate, and a password is shown", CONF_REQUIRE_CERTIFICATE, 1, true, false},
        {"nothing", CONF_REQUIRE_NONE, 0, true, true},
    };
    const struct gate_peer named = with(&alice);
    const struct gate_peer none = without(CONF_CLIENT_OPTIONAL);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct gate_question q = {
            .peer = &named, .require = rows[i].require, .authorization_count = rows[i].fields};
        CHECK_ROW(rows[i].says, gate_certificate_suffices(&q) == rows[i].with);
        q.peer = &none;
        CHECK_ROW(rows[i].says, gate_certificate_suffices(&q) == rows[i].without);
        CHECK_ROW(rows[i].says, gate_certificate_digest(&q) == NULL);
    }
}

static int set_up(void **state)
{
    static const char text[] = "alice:" USERS_LAB_HASH "\nbob:" USERS_LAB_HASH "\n";
    struct conf_user_rule rule = {.name = {.p = "bob"}, .certificate = CONF_NEED_OPTIONAL};
    (void)state;
    lenient = users_lab(text, NULL, &rule, 1);
    strict = users_lab(text, NULL, NULL, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    users_unref(lenient);
    users_unref(strict);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_term),
        cmocka_unit_test(test_suffices),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
