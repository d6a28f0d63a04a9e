/* Owns: the memory of a result, the names in it, and the few figures computed from it. One thread.
 */
#include "bench/result.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static const struct class_name {
    const char *token;
    const char *text;
} class_names[RESULT_CLASS_COUNT] = {
#define RESULT_NAME(name, token, text) [RESULT_##name] = {token, text},
    RESULT_CLASSES(RESULT_NAME)
#undef RESULT_NAME
};

static const char *const part_names[PART_COUNT] = {
    [PART_CONNECT] = "connect",       [PART_HANDSHAKE] = "handshake", [PART_RESUMED] = "resumed",
    [PART_FIRST_BYTE] = "first_byte", [PART_TOTAL] = "total",
};

/* That connections were used up is the server's doing more often than ours. */
static const struct result_limit_row limits[] = {
    {LIMIT_CPU, true, "cpu",
     "a thread of the client had no processor time left: use more --threads, or another machine"},
    {LIMIT_LAG, true, "lag",
     "operations began late although a connection was free: the client, or the machine it runs on, "
     "is too slow"},
    {LIMIT_CONNECTIONS, false, "connections",
     "operations waited because --connections was reached: the server is slower than the rate "
     "asked for, or allow more"},
    {LIMIT_LOCAL, true, "local",
     "descriptors, ports or memory ran out here: more --source, or ulimit -n"},
};

static const struct alert_name {
    unsigned code;
    const char *name;
} alert_names[] = {
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {22, "record_overflow"},
    {30, "decompression_failure"},
    {40, "handshake_failure"},
    {41, "no_certificate"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {120, "no_application_protocol"},
};

int result_init(struct result *r, const struct options *o)
{
    *r = (struct result){.options = o};
    int rc = hist_fine_init(&r->lag);
    for (size_t i = 0; i < PART_COUNT && rc == 0; i++) {
        rc = hist_fine_init(&r->service[i]);
        if (rc == 0) {
            rc = hist_fine_init(&r->corrected[i]);
        }
    }
    return rc;
}

void result_fini(struct result *r)
{
    for (size_t i = 0; i < PART_COUNT; i++) {
        hist_fine_fini(&r->service[i]);
        hist_fine_fini(&r->corrected[i]);
    }
    hist_fine_fini(&r->lag);
    mem_free(r->seconds);
    mem_free(r->steps);
    *r = (struct result){0};
}

const struct result_limit_row *result_limit(size_t i)
{
    return i < sizeof(limits) / sizeof(limits[0]) ? &limits[i] : NULL;
}

const struct result_limit_row *result_limit_named(const char *name)
{
    const struct result_limit_row *row = NULL;
    size_t i = 0;
    while (name != NULL && (row = result_limit(i)) != NULL && strcmp(row->name, name) != 0) {
        i++;
    }
    return row;
}

const char *result_class_token(enum result_class c)
{
    return class_names[c].token;
}

const char *result_class_text(enum result_class c)
{
    return class_names[c].text;
}

const char *result_part_name(enum result_part part)
{
    return part_names[part];
}

const char *result_alert_name(unsigned code, char scratch[RESULT_ALERT_NAME])
{
    for (size_t i = 0; i < sizeof(alert_names) / sizeof(alert_names[0]); i++) {
        if (alert_names[i].code == code) {
            return alert_names[i].name;
        }
    }
    (void)snprintf(scratch, RESULT_ALERT_NAME, "unknown_%u", code);
    return scratch;
}

uint64_t result_failed(const struct result *r)
{
    uint64_t n = 0;
    for (size_t i = 0; i < RESULT_CLASS_COUNT; i++) {
        n += i != RESULT_OK ? r->by_class[i] : 0;
    }
    return n;
}

double result_rate(const struct result *r)
{
    return r->elapsed_ns != 0 ? (double)r->ok_in_window * 1e9 / (double)r->elapsed_ns : 0.0;
}

const struct hist_fine *result_latency(const struct result *r, enum result_part part)
{
    return r->options->closed ? &r->service[part] : &r->corrected[part];
}
