/* Owns: the list of keys that are looked at only when the process starts. Pure. */
#include "proxy/proc/fixed.h"

#include "base/str.h"

static bool same_text(const struct conf_text *a, const struct conf_text *b)
{
    return (a->p == NULL) == (b->p == NULL) && str_eq(str_of(a->p), str_of(b->p));
}

void fixed_differences(const struct conf *old, const struct conf *now,
                       void (*each)(void *arg, const char *key), void *arg)
{
    const struct {
        const char *key;
        bool same;
    } rows[] = {
        {"process.user", same_text(&old->process.user, &now->process.user)},
        {"process.group", same_text(&old->process.group, &now->process.group)},
        {"admin.socket", same_text(&old->admin.socket, &now->admin.socket)},
        {"log.access", same_text(&old->log.access, &now->log.access)},
        {"log.access_format", old->log.access_format == now->log.access_format},
        {"log.error", same_text(&old->log.error, &now->log.error)},
        {"log.error_format", old->log.error_format == now->log.error_format},
        {"log.level", old->log.level == now->log.level},
        {"users.hash_threads", old->users.hash_threads == now->users.hash_threads},
        {"users.hash_queue_max", old->users.hash_queue_max == now->users.hash_queue_max},
        {"users.lookup_queue_max", old->users.lookup_queue_max == now->users.lookup_queue_max},
        {"totp.entries", old->totp.entries == now->totp.entries},
        {"resumption.keep_max", old->resumption.keep_max == now->resumption.keep_max},
        {"lockout.entries", old->lockout.entries == now->lockout.entries},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].same) {
            each(arg, rows[i].key);
        }
    }
}
