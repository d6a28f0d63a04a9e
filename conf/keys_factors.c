/* Owns: the rows of totp and lockout. Constant data. */
#include "conf/draft.h"
#include "conf/keys_rows.h"
#include "conf/syntax.h"

static const char *const hashes[] = {"sha1", "sha256", "sha512", NULL};
static const char *const digits[] = {"6", "8", NULL};

static const struct key totp_keys[] = {
    {.name = "header",
     .type = KEY_TEXT,
     AT(conf_totp, header),
     .check = syntax_code_field,
     .fallback = "X-OTP",
     .meaning = "Request field that holds the code. It is never forwarded. Without the field, the "
                "last digits of the password are taken as the code where one is asked for."},
    {.name = "algorithm",
     .type = KEY_CHOICE,
     AT(conf_totp, algorithm),
     .choices = hashes,
     .fallback = "sha1",
     .meaning = "Hash that codes are made with. Many authenticators know sha1 only."},
    {.name = "digits",
     .type = KEY_CHOICE,
     AT(conf_totp, digits),
     .choices = digits,
     .fallback = "6",
     .meaning = "Digits of a code."},
    {.name = "window",
     .type = KEY_COUNT,
     AT(conf_totp, window),
     .max = 10,
     .fallback = "1",
     .meaning = "Codes before and after the present one that count, 30 seconds each: for clocks "
                "that are wrong."},
    {.name = "remember",
     .type = KEY_DURATION,
     AT(conf_totp, remember_ms),
     .min = 1000,
     .max = HOURS(24),
     .zero_ok = true,
     .fallback = "0s",
     .meaning = "How long a user who has proven a code needs no other with the same certificate. "
                "0s: every request needs a code of its own, as each code is good once."},
    {.name = "entries",
     .type = KEY_COUNT,
     AT(conf_totp, entries),
     .min = 8,
     .max = 16777216,
     .fallback = "65536",
     .meaning = "Users whose last code is remembered, so that it is refused if it comes again, "
                "over all workers and reloads. When it is full the oldest goes."},
};

const struct key_section keys_totp = {
    .intro = "One-time codes (RFC 6238), a new one each 30 seconds: asked for by routes with "
             "require_totp, and for users whose record says so.",
    .keys = totp_keys,
    .count = COUNT(totp_keys),
    .at_offset = KEY_NOWHERE};

static const struct key lockout_keys[] = {
    {.name = "enabled",
     .type = KEY_BOOL,
     AT(conf_lockout, enabled),
     .fallback = "true",
     .meaning = "Count failures and let those wait who have too many."},
    {.name = "failures",
     .type = KEY_COUNT,
     AT(conf_lockout, failures),
     .min = 1,
     .max = 200,
     .fallback = "5",
     .meaning = "From this failure on, the next attempt has to wait; sooner it gets 429. Attempts "
                "are counted when they begin. Those that a one-time code is asked of are counted "
                "once more apart, and only a right code ends that count."},
    {.name = "delay",
     .type = KEY_DURATION,
     AT(conf_lockout, delay_ms),
     .min = 10,
     .max = HOURS(24),
     .fallback = "1s",
     .meaning = "The first wait; each further failure doubles it."},
    {.name = "delay_max",
     .type = KEY_DURATION,
     AT(conf_lockout, delay_max_ms),
     .min = 10,
     .max = HOURS(24),
     .fallback = "5m",
     .meaning = "The longest wait."},
    {.name = "forget",
     .type = KEY_DURATION,
     AT(conf_lockout, forget_ms),
     .min = 10,
     .max = HOURS(24),
     .fallback = "15m",
     .meaning = "Failures are forgotten when for so long there was no other."},
    {.name = "entries",
     .type = KEY_COUNT,
     AT(conf_lockout, entries),
     .min = 8,
     .max = 16777216,
     .fallback = "65536",
     .meaning = "Who is counted at a time, over all workers and reloads. When it is full, the one "
                "whose last failure is the oldest goes."},
};

const struct key_section keys_lockout = {
    .intro = "Delays for those who fail too often. A client with a certificate is counted by its "
             "certificate, and so can lock out nobody else; any other by its network (one IPv4 "
             "address, one IPv6 /64) and the name that it claims, known or not.",
    .keys = lockout_keys,
    .count = COUNT(lockout_keys),
    .at_offset = KEY_NOWHERE};
