/* Owns: the names of what can be chosen. Pure, any thread. */
#include "bench/options.h"

const char *const options_mode_names[] = {"handshake", "request", "keepalive", "resume", NULL};
const char *const options_pick_names[] = {"round-robin", "random", "zipf", NULL};
const char *const options_arrivals_names[] = {"uniform", "poisson", NULL};
const char *const options_tls_names[] = {"any", "1.2", "1.3", NULL};
const char *const options_format_names[] = {"text", "json", "csv", "hgrm", "html", NULL};

const char *options_mode_name(enum options_mode mode)
{
    return options_mode_names[mode];
}

const char *options_pick_name(enum options_pick pick)
{
    return options_pick_names[pick];
}

const char *options_arrivals_name(enum options_arrivals arrivals)
{
    return options_arrivals_names[arrivals];
}

const char *options_tls_name(enum options_tls tls)
{
    return options_tls_names[tls];
}

const char *options_format_name(enum options_format format)
{
    return options_format_names[format];
}
