/* Owns: what is shown of a request. Leaves what can be done with it to panel. */
#include "ca/pages/detail.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/enc.h"
#include "ca/compare.h"
#include "ca/csr.h"
#include "ca/pages/panel.h"
#include "ca/pages/show.h"
#include "ca/pages/visible.h"
#include "ca/withdraw.h"

static void lead(struct page *p, const struct record *r)
{
    static const struct str words[LIFE_STATE_COUNT] = {
        [LIFE_APPROVED] =
            HTML_WORDS("All who were needed have agreed. It is signed within moments."),
        [LIFE_DENIED] = HTML_WORDS("Denied by an operator. A new request can be filed."),
        [LIFE_ISSUED] = HTML_WORDS("Signed. Nobody has fetched the certificate yet."),
        [LIFE_DELIVERED] = HTML_WORDS("Fetched. It has not been seen in use yet."),
        [LIFE_ACTIVE] = HTML_WORDS("In use."),
        [LIFE_RENEWED] =
            HTML_WORDS("Another has taken its place. It is good for a while yet, and withdrawn "
                       "then."),
        [LIFE_EXPIRED] = HTML_WORDS("Past its end. A new request is needed."),
    };
    HTML(&p->h, "<p class=\"lead\">");
    if (r->state == LIFE_PENDING) {
        uint32_t missing =
            r->approvals_needed > r->approvals ? r->approvals_needed - r->approvals : 1;
        HTML(&p->h, "Waits for ");
        html_number(&p->h, missing);
        HTML_WITH(&p->h, " more operator{} to agree.", missing == 1 ? STR_NONE : STR("s"));
    } else if (r->state == LIFE_WITHDRAWN) {
        HTML(&p->h, "Refused since ");
        html_time(&p->h, r->withdrawn_ms);
        HTML_WITH(&p->h, ": {}.", show_reason(r->withdrawn_reason));
    } else {
        bool waits = r->state == LIFE_APPROVED && r->kind == LIFE_KIND_REGISTERED;
        HTML_WITH(&p->h, "{}",
                  waits ? STR("Agreed to. It is signed when its one-time code is given back.")
                        : words[r->state]);
    }
    HTML(&p->h, "</p>");
    if (r->denied_reason.n > 0) {
        HTML_WITH(&p->h, "<blockquote><p><bdi>{}</bdi></p></blockquote>", r->denied_reason);
    }
}

static void fact(struct page *p, struct str name, struct str value)
{
    HTML_WITH(&p->h, "<div><dt>{}</dt><dd><bdi>{}</bdi></dd></div>", name, value);
}

static void fact_time(struct page *p, struct str name, int64_t ms)
{
    HTML_WITH(&p->h, "<div><dt>{}</dt><dd>", name);
    html_time(&p->h, ms);
    HTML(&p->h, " <span class=\"soft\">");
    html_distance(&p->h, ms, clock_wall_ms());
    HTML(&p->h, "</span></dd></div>");
}

/* What the request asks for beyond its subject. What is not known there was refused at the door. */
static void extensions(struct page *p, const struct csr *c)
{
    static const struct {
        uint32_t bit;
        struct str name;
    } usages[] = {
        {KU_DIGITAL_SIGNATURE, HTML_WORDS("digitalSignature")},
        {KU_NON_REPUDIATION, HTML_WORDS("nonRepudiation")},
        {KU_KEY_ENCIPHERMENT, HTML_WORDS("keyEncipherment")},
        {KU_DATA_ENCIPHERMENT, HTML_WORDS("dataEncipherment")},
        {KU_KEY_AGREEMENT, HTML_WORDS("keyAgreement")},
        {KU_KEY_CERT_SIGN, HTML_WORDS("keyCertSign")},
        {KU_CRL_SIGN, HTML_WORDS("cRLSign")},
    };
    HTML(&p->h, "<div><dt>Extensions asked for</dt><dd>");
    if (c->key_usage == 0 && !c->asks_client_auth && !c->asks_other_usage && !c->asks_ca &&
        !c->asks_unknown) {
        HTML(&p->h, "none</dd></div>");
        return;
    }
    HTML(&p->h, "<ul class=\"plain\">");
    for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
        if ((c->key_usage & usages[i].bit) != 0) {
            HTML_WITH(&p->h, "<li>key usage: {}</li>", usages[i].name);
        }
    }
    if (c->asks_client_auth) {
        HTML(&p->h, "<li>extended key usage: clientAuth</li>");
    }
    if (c->asks_ca) {
        HTML(&p->h, "<li>to be a CA</li>");
    }
    if (c->asks_other_usage || c->asks_unknown) {
        HTML(&p->h, "<li>something that is not granted</li>");
    }
    HTML(&p->h, "</ul></dd></div>");
}

static void filed(struct page *p, const struct record *r)
{
    struct csr *csr = NULL;
    HTML(&p->h, "<section><h2>How it came</h2><dl class=\"facts\">");
    fact(p, STR("Filed by"), r->requester);
    fact(p, STR("From"), r->origin);
    fact_time(p, STR("Filed"), r->filed_ms);
    if (r->renews.n > 0) {
        HTML_WITH(&p->h,
                  "<div><dt>Renews</dt><dd><a href=\"/ca/pages/{}requests/{u}\">{}</a></dd></div>",
                  page_prefix(p), r->renews, r->renews);
    }
    if (r->csr.n > 0 && csr_read(r->csr, &csr, NULL) == 0) {
        extensions(p, csr);
    }
    csr_free(csr);
    fact(p, STR("Request id"), r->id);
    HTML(&p->h, "</dl></section>");
}

/* Fields of the certificate that is or will be; with those of the last one beside. */
static void compared(struct page *p, const struct comparison *c)
{
    HTML(&p->h,
         "<table role=\"table\" class=\"compare\"><caption class=\"unseen\">What is certified"
         "</caption><thead role=\"rowgroup\"><tr role=\"row\">"
         "<td role=\"cell\"></td><th role=\"columnheader\" scope=\"col\">This one</th>");
    HTML_WITH(
        &p->h,
        "<th role=\"columnheader\" scope=\"col\"><a href=\"/ca/pages/{}requests/{u}\">The last "
        "one</a></th></tr></thead><tbody role=\"rowgroup\">",
        page_prefix(p), str_of(c->before.text));
    for (size_t i = 0; i < COMPARE_COUNT; i++) {
        const struct compare_field *f = &c->fields[i];
        HTML_WITH(&p->h,
                  "<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">{}</th>"
                  "<td role=\"cell\" data-label=\"This one\"><bdi>{}</bdi>{}",
                  str_of(compare_words((enum compare_name)i)), str_of(f->now),
                  f->changed ? STR(" ") : STR_NONE);
        if (f->changed) {
            HTML(&p->h, "<span class=\"changed\">changed</span>");
        }
        HTML_WITH(&p->h,
                  "</td><td role=\"cell\" data-label=\"The last one\"><bdi>{}</bdi></td></tr>",
                  str_of(f->before));
    }
    HTML(&p->h, "</tbody></table>");
}

static void certified(struct page *p, const struct record *r)
{
    struct comparison c;
    int rc = compare_last(&p->call->service->life, r, &c, &p->call->err);
    if (rc != 0) {
        p->h.rc = p->h.rc == 0 ? rc : p->h.rc;
        return;
    }
    HTML(&p->h, "<section><h2>What is certified</h2>");
    if (c.any_before && p->area == PAGE_DESK) {
        HTML_WITH(&p->h, "<p>{}</p>",
                  c.changed == 0 ? STR("Nothing differs from the last certificate of this user.")
                                 : STR("Compared with the last certificate of this user:"));
        compared(p, &c);
    } else {
        HTML(&p->h, "<dl class=\"facts\">");
        for (size_t i = 0; i < COMPARE_COUNT; i++) {
            if (c.fields[i].now[0] != '\0') {
                fact(p, str_of(compare_words((enum compare_name)i)), str_of(c.fields[i].now));
            }
        }
        HTML(&p->h, "</dl>");
        if (p->area == PAGE_DESK) {
            HTML(&p->h, "<p class=\"soft\">This user has had no other certificate.</p>");
        }
    }
    HTML(&p->h, "</section>");
}

static void certificate(struct page *p, const struct record *r)
{
    unsigned char digest[32];
    if (r->certificate.n == 0) {
        return;
    }
    HTML(&p->h, "<section><h2>The certificate</h2><dl class=\"facts\">");
    fact(p, STR("Serial number"), r->serial);
    if (enc_sha256(r->certificate, digest) == 0) {
        HTML(&p->h, "<div><dt>SHA-256 fingerprint</dt><dd class=\"octets\">");
        html_octets(&p->h, digest, sizeof(digest));
        HTML(&p->h, "</dd></div>");
    }
    fact_time(p, STR("Good from"), r->not_before_ms);
    fact_time(p, STR("Good until"), r->not_after_ms);
    HTML(&p->h, "</dl></section>");
}

static bool add_decision(void *arg, const struct record_decision *d)
{
    struct page *p = arg;
    HTML_WITH(&p->h, "<li><strong>{}</strong> <bdi>{}</bdi> ",
              d->agreed ? STR("Agreed:") : STR("Denied:"), d->operator_name);
    html_time(&p->h, d->at_ms);
    HTML(&p->h, "</li>");
    return true;
}

static int decisions(struct page *p, const struct record *r)
{
    if (r->approvals_needed == 0 && r->denied_reason.n == 0) {
        HTML(&p->h, "<section><h2>Decisions</h2><p>No operator had to be asked.</p></section>");
        return 0;
    }
    HTML(&p->h, "<section><h2>Decisions</h2><p>");
    html_number(&p->h, r->approvals);
    HTML(&p->h, " of ");
    html_number(&p->h, r->approvals_needed);
    HTML(&p->h, " needed have agreed.</p>");
    if (r->approvals == 0 && r->denied_reason.n == 0) {
        HTML(&p->h, "</section>");
        return 0;
    }
    HTML(&p->h, "<ul class=\"lines\">");
    int rc = record_decisions(&p->call->service->life, r->id, add_decision, p, &p->call->err);
    HTML(&p->h, "</ul></section>");
    return rc;
}

static bool add_audit(void *arg, const struct audit_entry *a)
{
    struct page *p = arg;
    HTML(&p->h, "<li>");
    html_time(&p->h, a->at_ms);
    HTML_WITH(&p->h, " <strong>{}</strong> <bdi>{}</bdi>, <bdi>{}</bdi>", a->action, a->actor,
              a->origin);
    if (a->detail.n > 0) {
        HTML_WITH(&p->h, ": <bdi>{}</bdi>", a->detail);
    }
    HTML(&p->h, "</li>");
    return true;
}

static int audited(struct page *p, const struct record *r)
{
    HTML(&p->h, "<section><h2>The record</h2><ol class=\"lines\">");
    int rc =
        audit_each_of(p->call->service->life.db, r->id, r->serial, add_audit, p, &p->call->err);
    HTML(&p->h, "</ol></section>");
    return rc;
}

struct detail {
    struct page *p;
    bool visible;
    int rc;
};

static bool show(void *arg, const struct record *r)
{
    struct detail *d = arg;
    struct page *p = d->p;
    d->visible = visible_is(p, r);
    if (!d->visible) {
        return true;
    }
    page_begin(p, STR("Request"), p->area == PAGE_DESK ? PAGE_REQUESTS : PAGE_HOME);
    page_done(p);
    page_message(p);
    HTML_WITH(&p->h, "<div class=\"title\"><h1><bdi>{}</bdi></h1> ", r->user);
    show_state(p, r);
    HTML(&p->h, "</div>");
    lead(p, r);
    HTML(&p->h, "<div class=\"columns\"><div>");
    certified(p, r);
    certificate(p, r);
    d->rc = decisions(p, r);
    filed(p, r);
    if (d->rc == 0 && p->area == PAGE_DESK) {
        d->rc = audited(p, r);
    }
    HTML(&p->h, "</div>");
    d->rc = d->rc == 0 ? panel(p, r) : d->rc;
    HTML(&p->h, "</div>");
    page_end(p);
    return true;
}

int detail_page(struct page *p)
{
    struct call *c = p->call;
    struct detail d = {p, false, 0};
    int rc = record_show(&c->service->life, c->id, show, &d, &c->err);
    rc = rc == 0 ? d.rc : rc;
    return rc == 0 && !d.visible ? visible_none(p) : rc;
}
