/* Owns: the forms of a request, and whom each is shown to. Leaves whether it may be done to act and
 * what act calls. */
#include "ca/pages/panel.h"

#include "ca/api_json.h"
#include "ca/pages/register.h"
#include "ca/pages/show.h"
#include "ca/withdraw.h"

static void downloads(struct page *p, const struct record *r)
{
    HTML(&p->h, "<section><h2>Download</h2><ul class=\"plain files\">");
    HTML_WITH(&p->h,
              "<li><a class=\"button\" href=\"/ca/pages/{}requests/{u}/chain.pem\" download>"
              "Certificate and chain <span class=\"soft\">PEM</span></a></li>",
              page_prefix(p), r->id);
    HTML_WITH(&p->h,
              "<li><a href=\"/ca/pages/{}requests/{u}/chain.p7b\" download>The same "
              "<span class=\"soft\">PKCS#7, DER</span></a></li>",
              page_prefix(p), r->id);
    HTML_WITH(&p->h,
              "<li><a href=\"/ca/pages/{}requests/{u}/certificate.cer\" download>Certificate alone "
              "<span class=\"soft\">DER</span></a></li></ul></section>",
              page_prefix(p), r->id);
}

static void renewal(struct page *p, const struct record *r)
{
    HTML_WITH(
        &p->h,
        "<section><h2>Renew</h2><p>With a new key, or the one it has. This one is good for a "
        "while after that.</p><p><a class=\"button\" "
        "href=\"/ca/pages/new?renews={u}&amp;profile={u}\">Renew by a request</a></p></section>",
        r->id, r->profile);
}

static void reasons(struct page *p)
{
    static const struct {
        struct str name;
        int reason;
        bool desk;
    } known[] = {
        {HTML_WORDS("cessationOfOperation"), WITHDRAW_CESSATION, false},
        {HTML_WORDS("keyCompromise"), WITHDRAW_KEY_COMPROMISE, false},
        {HTML_WORDS("superseded"), WITHDRAW_SUPERSEDED, false},
        {HTML_WORDS("affiliationChanged"), WITHDRAW_AFFILIATION_CHANGED, false},
        {HTML_WORDS("privilegeWithdrawn"), WITHDRAW_PRIVILEGE_WITHDRAWN, true},
        {HTML_WORDS("certificateHold"), WITHDRAW_HOLD, true},
        {HTML_WORDS("unspecified"), WITHDRAW_UNSPECIFIED, false},
    };
    HTML(&p->h, "<p><label for=\"reason\">Why?</label><select id=\"reason\" name=\"reason\" "
                "required><option value=\"\">Choose a reason</option>");
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!known[i].desk || p->area == PAGE_DESK) {
            HTML_WITH(&p->h, "<option value=\"{}\">{}</option>", known[i].name,
                      show_reason(known[i].reason));
        }
    }
    HTML(&p->h, "</select></p>");
}

static void withdrawal(struct page *p, const struct record *r)
{
    bool held = r->state == LIFE_WITHDRAWN;
    HTML_WITH(&p->h,
              "<section><details{}><summary>{}</summary>"
              "<form method=\"post\" action=\"/ca/pages/{}requests/{u}/withdraw\">",
              STR_NONE, held ? STR("Withdraw it for good") : STR("Withdraw this certificate"),
              page_prefix(p), r->id);
    page_token(p);
    reasons(p);
    HTML(&p->h, "<p class=\"check\"><input id=\"sure\" type=\"checkbox\" name=\"sure\" "
                "value=\"yes\" required><label for=\"sure\">It cannot be used from then on, and ");
    HTML_WITH(&p->h, "{}.</label></p>",
              p->area == PAGE_DESK ? STR("only a hold can be lifted")
                                   : STR("this cannot be taken back"));
    HTML(&p->h, "<p><button class=\"danger\">Withdraw</button></p></form></details></section>");
}

static void lifting(struct page *p, const struct record *r)
{
    HTML_WITH(&p->h,
              "<section><h2>On hold</h2><form method=\"post\" "
              "action=\"/ca/pages/desk/requests/{u}/lift\">",
              r->id);
    page_token(p);
    HTML(&p->h, "<p>The certificate is good again when the hold is lifted.</p>"
                "<p><button>Lift the hold</button></p></form></section>");
}

struct voice {
    struct str self;
    bool agreed;
};

static bool find_voice(void *arg, const struct record_decision *d)
{
    struct voice *v = arg;
    v->agreed = v->agreed || (d->agreed && str_eq(d->operator_name, v->self));
    return !v->agreed;
}

static void agreeing(struct page *p, const struct record *r, bool agreed)
{
    struct str self = p->call->self.who.name;
    if (r->state != LIFE_PENDING) {
        return;
    }
    if (str_eq(r->user, self) || str_eq(r->requester, self)) {
        HTML(&p->h, "<p>This is your own request: others must agree to it.</p>");
    } else if (agreed) {
        HTML(&p->h, "<p>You have agreed. Another operator must agree too.</p>");
    } else {
        HTML_WITH(&p->h, "<form method=\"post\" action=\"/ca/pages/desk/requests/{u}/approve\">",
                  r->id);
        page_token(p);
        HTML(&p->h, "<p><button class=\"main\">Approve</button></p></form>");
    }
}

static int deciding(struct page *p, const struct record *r)
{
    struct voice v = {p->call->self.who.name, false};
    int rc = record_decisions(&p->call->service->life, r->id, find_voice, &v, &p->call->err);
    HTML(&p->h, "<section><h2>Decide</h2>");
    agreeing(p, r, v.agreed);
    HTML_WITH(&p->h, "<form method=\"post\" action=\"/ca/pages/desk/requests/{u}/deny\">", r->id);
    page_token(p);
    HTML_WITH(&p->h,
              "<p><label for=\"why\">Reason to deny</label><input id=\"why\" name=\"reason\" "
              "required maxlength=\"250\" aria-describedby=\"why-help\" value=\"{}\">"
              "<span class=\"help\" id=\"why-help\">Who asked reads this.</span></p>"
              "<p><button class=\"danger\">Deny</button></p></form></section>",
              form_value(&p->form, STR("reason")));
    return rc;
}

int panel(struct page *p, const struct record *r)
{
    bool desk = p->area == PAGE_DESK;
    bool held = r->state == LIFE_WITHDRAWN && r->withdrawn_reason == WITHDRAW_HOLD;
    bool good = show_is_good(r);
    bool open = r->state == LIFE_PENDING || r->state == LIFE_APPROVED;
    int rc = 0;
    if (!good && !held && !desk) {
        return 0;
    }
    HTML(&p->h, "<aside aria-label=\"What can be done\">");
    if (desk && open) {
        rc = deciding(p, r);
    }
    if (desk) {
        register_panel(p, r);
    }
    if (good) {
        downloads(p, r);
    }
    if (good && !desk && r->state != LIFE_RENEWED && str_eq(r->user, p->call->self.who.name)) {
        renewal(p, r);
    }
    if (desk && held) {
        lifting(p, r);
    }
    if (good || held) {
        withdrawal(p, r);
    }
    if (desk) {
        HTML_WITH(&p->h,
                  "<section><h2>More</h2><p><a href=\"/ca/pages/desk/people?user={u}\">All of "
                  "<bdi>{}</bdi></a></p></section>",
                  r->user, r->user);
    }
    HTML(&p->h, "</aside>");
    return rc;
}
