/* Owns: a desk with one answer and nobody behind it. */
#include "cli/explain_ocsp.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

static const char *const names[] = {[OCSP_STATUS_NONE] = "none",
                                    [OCSP_STATUS_FAILED] = NULL,
                                    [OCSP_STATUS_UNKNOWN] = "unknown",
                                    [OCSP_STATUS_REVOKED] = "revoked",
                                    [OCSP_STATUS_GOOD] = "good"};

bool explain_ocsp_answer(const char *name, enum ocsp_status *out)
{
    *out = OCSP_STATUS_NONE;
    for (size_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i] != NULL && strcmp(names[i], name) == 0) {
            *out = (enum ocsp_status)i;
            return true;
        }
    }
    return name == NULL;
}

/* A worker would send it; here it only tells whom. */
static void keep_url(void *arg, struct str question)
{
    struct explain_ocsp *x = arg;
    struct ocsp_question q;
    x->asked = true;
    if (ocsp_question_read(question, &q) == 0) {
        memcpy(x->url, q.url, sizeof(x->url));
        ocsp_question_release(&q);
    }
}

int explain_ocsp_init(struct explain_ocsp *x, X509 *leaf, enum ocsp_status answer)
{
    /* To be asked again at once, so that the desk writes a question. */
    const struct ocsp_entry entry = {.status = answer, .until_s = INT64_MAX, .refresh_s = 0};
    unsigned char key[OCSP_KEY];
    *x = (struct explain_ocsp){.answer = answer, .table = ocsp_table_new(1)};
    x->desk = (struct ocsp_desk){.table = x->table, .send = keep_url, .arg = x};
    int rc = x->table != NULL ? ocsp_key(leaf, key) : -ERR_NOMEM;
    if (rc == 0) {
        ocsp_table_put(x->table, key, &entry);
    }
    return rc;
}

int explain_ocsp_render(const struct explain_ocsp *x, const struct conf_ocsp *rule, struct buf *out)
{
    static const char *const modes[] = {
        [CONF_OCSP_OFF] = "off", [CONF_OCSP_SOFT] = "soft", [CONF_OCSP_HARD] = "hard"};
    if (rule->mode == CONF_OCSP_OFF) {
        return buf_append(out, STR("off: no responder is asked"));
    }
    int rc = buf_printf(out, "%s, ", modes[rule->mode]);
    if (rc == 0) {
        rc = x->url[0] != '\0' ? buf_printf(out, "%s would be asked", x->url)
                               : buf_append(out, STR("but the certificate names no http responder, "
                                                     "nor does client.ocsp.responder"));
    }
    if (rc == 0 && x->answer == OCSP_STATUS_NONE) {
        return buf_printf(out, "; no answer yet: %s",
                          rule->mode == CONF_OCSP_HARD ? "refused until there is one"
                                                       : "let in until one says revoked");
    }
    return rc == 0 ? buf_printf(out, "; taken to say: %s", names[x->answer]) : rc;
}

void explain_ocsp_fini(struct explain_ocsp *x)
{
    ocsp_table_free(x->table);
    x->table = NULL;
}
