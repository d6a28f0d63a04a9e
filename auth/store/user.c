/* Owns: records of users in memory. Leaves where they come from to the stores. One thread at a time
 * for each record. */
#include "auth/store/user.h"

#include <string.h>

#include "base/mem.h"

/* A record and all that it points to, in one piece, so that it is wiped in one. */
struct record {
    unsigned refs;
    size_t size;
    struct user user;
};

struct user *user_new(const struct user *from)
{
    size_t groups = from->group_count * sizeof(struct str);
    size_t pins = from->pin_count * sizeof(struct user_pin);
    size_t size = sizeof(struct record) + groups + pins + from->name.n + from->hash.n +
                  from->totp_secret.n + from->company.n;
    for (size_t i = 0; i < from->group_count; i++) {
        size += from->groups[i].n;
    }
    struct record *r = mem_calloc(1, size);
    if (r == NULL) {
        return NULL;
    }
    r->refs = 1;
    r->size = size;
    r->user = *from;
    r->user.refs = &r->refs;
    char *at = (char *)(r + 1);
    struct str *own_groups = (struct str *)(void *)at;
    at += groups;
    if (pins > 0) {
        r->user.pins = memcpy(at, from->pins, pins);
        at += pins;
    }
    struct str *texts[] = {&r->user.name, &r->user.hash, &r->user.totp_secret, &r->user.company};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i]->n > 0) {
            texts[i]->p = memcpy(at, texts[i]->p, texts[i]->n);
            at += texts[i]->n;
        }
    }
    for (size_t i = 0; i < from->group_count; i++) {
        own_groups[i] =
            (struct str){memcpy(at, from->groups[i].p, from->groups[i].n), from->groups[i].n};
        at += from->groups[i].n;
    }
    r->user.groups = own_groups;
    return &r->user;
}

const struct user *user_ref(const struct user *u)
{
    ++*u->refs;
    return u;
}

void user_unref(const struct user *u)
{
    if (u == NULL || --*u->refs > 0) {
        return;
    }
    struct record *r = (struct record *)(void *)((char *)u->refs - offsetof(struct record, refs));
    mem_wipe(r, r->size);
    mem_free(r);
}

const char *user_group_fault(struct str name)
{
    if (name.n == 0 || name.n > USER_GROUP_MAX) {
        return "the name of a group has 1 to 64 octets";
    }
    if (!str_is_utf8(name) || str_has_control(name) || str_chr(name, ',') != STR_NPOS ||
        str_chr(name, ' ') != STR_NPOS) {
        return "the name of a group is UTF-8 without blanks, commas, and control characters";
    }
    return NULL;
}

const char *user_company_fault(struct str name)
{
    size_t characters = 0;
    for (size_t i = 0; i < name.n; i++) {
        characters += ((unsigned char)name.p[i] & 0xc0U) != 0x80U ? 1 : 0;
    }
    if (characters == 0 || characters > USER_COMPANY_CHARACTERS || name.n > USER_COMPANY_MAX) {
        return "the name of a company has 1 to 64 characters";
    }
    if (!str_is_utf8(name) || str_has_control(name) || str_trim(name).n != name.n) {
        return "the name of a company is UTF-8 without control characters, and without blanks at "
               "its ends";
    }
    return NULL;
}

bool user_refuses_pin(const struct user *u, const unsigned char digest[32])
{
    for (size_t i = 0; i < u->pin_count; i++) {
        if (memcmp(u->pins[i].digest, digest, sizeof(u->pins[i].digest)) == 0) {
            return false;
        }
    }
    return u->pin_count > 0;
}
