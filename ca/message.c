/* Owns: the words. */
#include "ca/message.h"

#include <string.h>

#include "base/clock.h"
#include "base/enc.h"

#define TEXT_OCTETS_MAX 4096

static const struct {
    const char *name;
    const char *subject;
    const char *secret; /* name of its member; NULL: none */
} kinds[] = {
    [MESSAGE_CODE] = {"code", "Your certificate: a code to fetch it", "code"},
    [MESSAGE_PASSWORD] = {"password", "Your certificate: the password of the file", "password"},
    [MESSAGE_APPROVED] = {"approved", "A request for a certificate was approved", NULL},
    [MESSAGE_DENIED] = {"denied", "A request for a certificate was denied", NULL},
    [MESSAGE_ENDS] = {"ends", "Your certificate comes to its end", NULL},
};

const char *message_name(enum message_kind k)
{
    return kinds[k].name;
}

bool message_is_secret(enum message_kind k)
{
    return kinds[k].secret != NULL;
}

static void date_of(int64_t ms, char out[CLOCK_RFC3339_LEN + 1])
{
    out[0] = '\0';
    if (ms > 0) {
        clock_rfc3339(ms, out);
        memcpy(out + 19, "Z", 2); /* to the second */
    }
}

static int write_code(const struct message *m, const char *until, struct buf *out)
{
    return buf_printf(out,
                      "A certificate for %.*s (%.*s) waits for you. To fetch it, open\n\n"
                      "  %.*s\n\nand give this code there:\n\n  %.*s\n\n"
                      "It is good once, until %s. The password of the file comes to you by another "
                      "way.\nIf you do not expect this, tell whoever runs the service.\n",
                      STR_ARG(m->user), STR_ARG(m->company), STR_ARG(m->link), STR_ARG(m->secret),
                      until);
}

static int write_approved(const struct message *m, struct buf *out)
{
    bool link = m->link.n > 0;
    return buf_printf(out,
                      "The request %.*s for a certificate for %.*s (%.*s) was approved.\n%s%.*s%s",
                      STR_ARG(m->request), STR_ARG(m->user), STR_ARG(m->company),
                      link ? "\n  " : "", STR_ARG(m->link), link ? "\n" : "");
}

static int write_ends(const struct message *m, const char *until, struct buf *out)
{
    bool link = m->link.n > 0;
    return buf_printf(out,
                      "The certificate for %.*s (%.*s), serial number %.*s, ends at %s. Renew it "
                      "before.\n%s%.*s%s",
                      STR_ARG(m->user), STR_ARG(m->company), STR_ARG(m->serial), until,
                      link ? "\n  " : "", STR_ARG(m->link), link ? "\n" : "");
}

static int write_text(const struct message *m, struct buf *out)
{
    char until[CLOCK_RFC3339_LEN + 1];
    date_of(m->until_ms, until);
    switch (m->kind) {
    case MESSAGE_CODE:
        return write_code(m, until, out);
    case MESSAGE_PASSWORD:
        return buf_printf(out,
                          "The file with the certificate for %.*s was fetched. Its password is\n\n"
                          "  %.*s\n\nIf it was not you who fetched it, tell whoever runs the "
                          "service at once.\n",
                          STR_ARG(m->user), STR_ARG(m->secret));
    case MESSAGE_APPROVED:
        return write_approved(m, out);
    case MESSAGE_DENIED:
        return buf_printf(
            out, "The request %.*s for a certificate for %.*s (%.*s) was denied: %.*s\n",
            STR_ARG(m->request), STR_ARG(m->user), STR_ARG(m->company), STR_ARG(m->reason));
    case MESSAGE_ENDS:
        return write_ends(m, until, out);
    }
    return -ERR_INTERNAL;
}

static int write_member(struct buf *out, const char *name, struct str value)
{
    if (value.n == 0) {
        return 0;
    }
    int rc = buf_printf(out, "%s\"%s\":", buf_str(out).p[buf_len(out) - 1] == '{' ? "" : ",", name);
    return rc == 0 ? enc_json_string(out, value) : rc;
}

int message_write(const struct message *m, struct buf *out, struct err *e)
{
    struct buf text;
    char until[CLOCK_RFC3339_LEN + 1];
    buf_init(&text, TEXT_OCTETS_MAX);
    date_of(m->until_ms, until);
    int rc = write_text(m, &text);
    const struct {
        const char *name;
        struct str value;
    } members[] = {{"kind", str_of(kinds[m->kind].name)},
                   {"to", m->to},
                   {"request", m->request},
                   {"user", m->user},
                   {"company", m->company},
                   {"link", m->link},
                   {kinds[m->kind].secret, kinds[m->kind].secret != NULL ? m->secret : STR_NONE},
                   {"reason", m->reason},
                   {"serial", m->serial},
                   {"until", str_of(until)},
                   {"subject", str_of(kinds[m->kind].subject)},
                   {"text", buf_str(&text)}};
    rc = rc == 0 ? buf_append(out, STR("{")) : rc;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && rc == 0; i++) {
        rc = write_member(out, members[i].name, members[i].value);
    }
    rc = rc == 0 ? buf_append(out, STR("}")) : rc;
    buf_wipe(&text);
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "the message cannot be written");
}
