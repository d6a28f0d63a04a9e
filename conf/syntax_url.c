/* Owns: URLs and addresses of those who are told something. Pure. */
#include <stdint.h>

#include "conf/syntax.h"

#define URL_MAX     512
#define ADDRESS_MAX 254 /* RFC 5321 4.5.3.1.3 */
#define DAYS_MAX    365

/* What is wrong with the octets of what stands behind a scheme. */
static const char *check_rest(struct str rest, const char *not_in_it)
{
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] <= ' ' || rest.p[i] > '~' || strchr(not_in_it, rest.p[i]) != NULL) {
            return "may hold no blanks, and no user or other part that is not needed here";
        }
    }
    return NULL;
}

const char *syntax_base_url(struct str s)
{
    struct str rest = str_slice(s, 8, s.n);
    if (!str_starts(s, STR("https://")) || rest.n == 0 || rest.p[0] == '/' || s.n > URL_MAX) {
        return "must be a URL like https://proxy.example.com";
    }
    return str_ends(s, STR("/")) ? "must not end in \"/\"" : check_rest(rest, "\"<>\\^`{|}@?#");
}

const char *syntax_https_url(struct str s)
{
    struct str rest = str_slice(s, 8, s.n);
    if (!str_starts(s, STR("https://")) || rest.n == 0 || rest.p[0] == '/' || s.n > URL_MAX) {
        return "must be a URL like https://hooks.example.com/path";
    }
    return check_rest(rest, "\"<>\\^`{|}@#");
}

const char *syntax_smtp_url(struct str s)
{
    struct str rest = str_starts(s, STR("smtps://"))  ? str_slice(s, 8, s.n)
                      : str_starts(s, STR("smtp://")) ? str_slice(s, 7, s.n)
                                                      : STR_NONE;
    return rest.n == 0 || s.n > URL_MAX ? "must be a URL like smtps://mail.example.com"
                                        : check_rest(rest, "\"<>\\^`{|}@#/?");
}

const char *syntax_address(struct str s)
{
    struct str local;
    struct str domain;
    if (s.n > ADDRESS_MAX || !str_cut(s, '@', &local, &domain) || local.n == 0 || domain.n == 0 ||
        local.p[0] == '-' || domain.p[0] == '.' || domain.p[0] == '-' ||
        str_chr(domain, '@') != STR_NPOS) {
        return "must be an e-mail address";
    }
    return check_rest(s, "\"(),:;<>[\\]");
}

const char *syntax_days(struct str s)
{
    uint64_t days = 0;
    return str_to_u64(s, &days) && days >= 1 && days <= DAYS_MAX ? NULL
                                                                 : "must be a number from 1 to 365";
}
