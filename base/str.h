/* A borrowed span of bytes: never owned, never assumed to end in NUL. Whoever hands one out says
 * from whom it is borrowed and until when. Pure functions, any thread. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})

/* printf helper: printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) ((int)(s).n), ((s).p != NULL ? (s).p : "")

#define STR_NPOS SIZE_MAX

/* The span of a NUL-ended text, which may be NULL (then empty). Borrows z. */
static inline struct str str_of(const char *z)
{
    return (struct str){z, z != NULL ? strlen(z) : 0};
}

/* True if both have the same length and octets. Not constant in time: not for secrets. */
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* What str_ieq() asks of n octets each. */
bool str_ieq_octets(const char *a, const char *b, size_t n);

/* True if equal when ASCII letters are folded; all other octets exact (RFC 9110 5.1). */
static inline bool str_ieq(struct str a, struct str b)
{
    return a.n == b.n && str_ieq_octets(a.p, b.p, a.n);
}

/* Order by octets, then by length: <0, 0, >0. Fit for qsort and bsearch. */
int str_cmp(struct str a, struct str b);

/* True if s begins with prefix (octets exact). */
bool str_starts(struct str s, struct str prefix);

/* True if s ends with suffix (octets exact). */
bool str_ends(struct str s, struct str suffix);

/* Index of the first octet c in s, or STR_NPOS. */
size_t str_chr(struct str s, char c);

/* s[from, to), clamped to s. Borrows like s. */
static inline struct str str_slice(struct str s, size_t from, size_t to)
{
    if (to > s.n) {
        to = s.n;
    }
    if (from > to) {
        from = to;
    }
    /* NULL + 0 is undefined in C11. */
    return (struct str){from > 0 ? s.p + from : s.p, to - from};
}

/* s without SP and HTAB at both ends (OWS, RFC 9110 5.6.3). Borrows like s. */
struct str str_trim(struct str s);

/* Cut s at the first octet c: *head is what is before it, *rest what is after. Returns false (and
 * *head = s, *rest = empty) if c is not there. Both borrow like s. */
bool str_cut(struct str s, char c, struct str *head, struct str *rest);

/* Read all of s as 1*DIGIT into *out. Returns false on an empty s, any other octet, or overflow. */
bool str_to_u64(struct str s, uint64_t *out);

/* ASCII lower case of one octet. */
static inline char str_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c + ('a' - 'A')) : c;
}

/* Length (1-4) of the well-formed UTF-8 character (RFC 3629) at the front of s; 0 if there is none.
 */
size_t str_utf8_len(struct str s);

/* True if s is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, <= U+10FFFF). */
bool str_is_utf8(struct str s);

/* True if s holds an octet 0x00-0x1f or 0x7f, or a C1 control (U+0080-U+009F as UTF-8). */
bool str_has_control(struct str s);

#endif
