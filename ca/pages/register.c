/* Owns: the form for a person, and how a code is shown. Leaves the rest to handover. */
#include "ca/pages/register.h"

#include <stdio.h>

#include "ca/handover.h"
#include "ca/pages/visible.h"

static struct handover handover_of(const struct page *p)
{
    return (struct handover){&p->call->service->life, p->call->service->notify};
}

static void profiles(struct page *p)
{
    const struct conf_ca *conf = p->call->service->life.conf;
    struct str chosen = form_value(&p->form, STR("profile"));
    HTML(&p->h, "<p><label for=\"profile\">Profile</label>"
                "<select id=\"profile\" name=\"profile\" required>"
                "<option value=\"\">Choose what it is for</option>");
    for (size_t i = 0; i < conf->profile_count; i++) {
        struct str name = str_of(conf->profiles[i].name.p);
        if (!call_is_operator(p->call, name)) {
            continue;
        }
        HTML_WITH(&p->h, "<option value=\"{}\"", name);
        if (str_eq(name, chosen)) {
            HTML(&p->h, " selected");
        }
        HTML_WITH(&p->h, ">{}</option>", name);
    }
    HTML(&p->h, "</select></p>");
}

int register_page(struct page *p)
{
    page_begin(p, STR("Register a person"), PAGE_REGISTER);
    HTML(&p->h, "<h1>Register a person</h1><p class=\"lead\">They need no key and no signing "
                "request: for a one-time code they get both as one file.</p>");
    page_message(p);
    HTML(&p->h, "<div class=\"columns\"><form class=\"card\" method=\"post\" "
                "action=\"/ca/pages/desk/register\">");
    page_token(p);
    HTML_WITH(
        &p->h,
        "<p><label for=\"user\">Account</label><input id=\"user\" name=\"user\" required "
        "maxlength=\"255\" autocomplete=\"off\" spellcheck=\"false\" value=\"{}\" "
        "aria-describedby=\"user-help\"><span class=\"help\" id=\"user-help\">The e-mail that "
        "they sign in with. The account must be there.</span></p>"
        "<p><label for=\"company\">Company</label><input id=\"company\" name=\"company\" "
        "maxlength=\"255\" value=\"{}\" aria-describedby=\"company-help\">"
        "<span class=\"help\" id=\"company-help\">Empty: that of the account, or else of the "
        "profile.</span></p>",
        form_value(&p->form, STR("user")), form_value(&p->form, STR("company")));
    profiles(p);
    HTML(&p->h, "<p><button class=\"main\">Register</button></p></form>"
                "<section><h2>What comes then</h2><ol class=\"lines\">"
                "<li>Others agree, if the profile asks for it. Who registers does not.</li>"
                "<li>The last of you is shown a code for the person, or it is sent to them.</li>"
                "<li>They give it back on a page, and get a PKCS#12 file with key and "
                "certificate. Its password goes to them by another way.</li></ol></section></div>");
    page_end(p);
    return 0;
}

static void told_secret(struct page *p, struct str name, const char *text, struct str otherwise)
{
    HTML_WITH(&p->h, "<div><dt>{}</dt><dd>", name);
    if (text[0] != '\0') {
        HTML_WITH(&p->h, "<code class=\"secret\">{}</code>", str_of(text));
    } else {
        HTML_WITH(&p->h, "{}", otherwise);
    }
    HTML(&p->h, "</dd></div>");
}

static void show_told(struct page *p, const struct handover_told *told)
{
    struct str id = str_of(told->id.text);
    page_begin(p, STR("A one-time code"), PAGE_REGISTER);
    HTML(&p->h,
         "<h1>A one-time code</h1><p class=\"lead\">Tell the code and the file's password by "
         "two ways. Neither is shown again.</p><section><dl class=\"facts\">");
    if (told->link[0] != '\0') {
        told_secret(p, STR("Page"), told->link, STR_NONE);
    }
    told_secret(p, STR("Request"), told->id.text, STR_NONE);
    told_secret(p, STR("Code"), told->code, STR("It is on its way to the person."));
    HTML(&p->h, "<div><dt>Good until</dt><dd>");
    html_time(&p->h, told->ends_ms);
    HTML(&p->h, "</dd></div>");
    told_secret(p, STR("Password of the file"), told->password,
                STR("It is sent to the person after the download."));
    HTML_WITH(&p->h,
              "</dl></section><p><a class=\"button\" href=\"/ca/pages/desk/requests/{u}\">To the "
              "request</a></p>",
              id);
    page_end(p);
}

static int tell(struct page *p, struct str id)
{
    struct handover_told told;
    const struct handover h = handover_of(p);
    struct call *c = p->call;
    int rc = handover_code(&h, &c->self, id, &told, &c->err);
    if (rc == 0) {
        show_told(p, &told);
    }
    handover_told_wipe(&told);
    return rc;
}

struct waiting {
    bool code; /* approved, and nothing else is missing */
};

static bool take_waiting(void *arg, const struct record *r)
{
    struct waiting *w = arg;
    w->code = r->kind == LIFE_KIND_REGISTERED && r->state == LIFE_APPROVED;
    return true;
}

int register_go(struct page *p, struct str id, const char *done)
{
    struct call *c = p->call;
    struct waiting w = {false};
    char path[96];
    int rc = record_show(&c->service->life, id, take_waiting, &w, &c->err);
    if (rc == 0 && w.code) {
        return tell(p, id);
    }
    (void)snprintf(path, sizeof(path), "/ca/pages/desk/requests/%.*s?done=%s", STR_ARG(id), done);
    return rc == 0 ? page_go(p, path) : rc;
}

int register_person(struct page *p)
{
    struct call *c = p->call;
    struct life_id id = {""};
    const struct handover h = handover_of(p);
    const struct handover_person person = {.user = str_trim(form_value(&p->form, STR("user"))),
                                           .company =
                                               str_trim(form_value(&p->form, STR("company"))),
                                           .profile = form_value(&p->form, STR("profile"))};
    int rc = handover_register(&h, &c->self, &person, &id, &c->err);
    return rc == 0 ? register_go(p, str_of(id.text), "registered")
                   : page_again(p, register_page, rc);
}

int register_code(struct page *p)
{
    struct visible v;
    int rc = visible_find(p, &v);
    return rc == 0 ? tell(p, p->call->id) : rc;
}

void register_panel(struct page *p, const struct record *r)
{
    bool given = r->state == LIFE_ISSUED || r->state == LIFE_DELIVERED;
    if (r->kind != LIFE_KIND_REGISTERED || (r->state != LIFE_APPROVED && !given)) {
        return;
    }
    HTML_WITH(&p->h,
              "<section><h2>One-time code</h2><form method=\"post\" "
              "action=\"/ca/pages/desk/requests/{u}/code\">",
              r->id);
    page_token(p);
    HTML_WITH(&p->h, "<p>{}</p><p><button>Make a new code</button></p></form></section>",
              given ? STR("If the file or its password is lost: the certificate is withdrawn for "
                          "good, and another takes its place.")
                    : STR("The one before is dead then."));
}
