/* Owns: the form for a signing request. Leaves reading and filing it to call_file(). */
#include "ca/pages/wish.h"

#include <stdio.h>
#include <string.h>

#include "ca/records.h"

/* What was sent, or stands in the address. */
static struct str given(const struct page *p, const char *name)
{
    struct str sent = form_value(&p->form, str_of(name));
    return sent.p != NULL ? sent : http_query(p->call->request, name);
}

static void profiles(struct page *p)
{
    const struct conf_ca *conf = p->call->service->life.conf;
    struct str chosen = given(p, "profile");
    if (conf->profile_count == 1) {
        HTML_WITH(&p->h, "<input type=\"hidden\" name=\"profile\" value=\"{}\">",
                  str_of(conf->profiles[0].name.p));
        return;
    }
    HTML(&p->h, "<p><label for=\"profile\">Profile</label>"
                "<select id=\"profile\" name=\"profile\" required>"
                "<option value=\"\">Choose what it is for</option>");
    for (size_t i = 0; i < conf->profile_count; i++) {
        struct str name = str_of(conf->profiles[i].name.p);
        HTML_WITH(&p->h, "<option value=\"{}\"", name);
        if (str_eq(name, chosen)) {
            HTML(&p->h, " selected");
        }
        HTML_WITH(&p->h, ">{}</option>", name);
    }
    HTML(&p->h, "</select></p>");
}

/* A name that a shell takes as it is stands in the example; another does not. */
static struct str example_user(const struct page *p)
{
    struct str user = p->call->self.who.name;
    for (size_t i = 0; i < user.n; i++) {
        char c = str_lower(user.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("@._-", c) != NULL) ||
            c == '\0') {
            return STR("YOUR ACCOUNT");
        }
    }
    return user;
}

static void how_to(struct page *p)
{
    HTML_WITH(&p->h,
              "<section><h2>How to make one</h2><p>Make a key and a request for it. "
              "The key stays with you; only the request is sent.</p>"
              "<pre><code>openssl req -new "
              "-newkey ec \\\n  -pkeyopt ec_paramgen_curve:P-256 \\\n  -keyout my.key -out my.csr "
              "\\\n  -subj \"/O=YOUR COMPANY/CN={}\"</code></pre>"
              "<p>Java's keytool, browsers' tools and others make the same. The common name (CN) "
              "is your account, the organization (O) your company.</p></section>",
              example_user(p));
}

static void fields(struct page *p, struct str renews)
{
    page_token(p);
    if (renews.n > 0) {
        HTML_WITH(&p->h, "<input type=\"hidden\" name=\"renews\" value=\"{}\">", renews);
    }
    profiles(p);
    HTML_WITH(
        &p->h,
        "<p><label for=\"csr\">Paste the request</label><textarea id=\"csr\" name=\"csr\" "
        "rows=\"9\" spellcheck=\"false\" autocomplete=\"off\" aria-describedby=\"csr-help\">\n"
        "{}</textarea><span class=\"help\" id=\"csr-help\">From “-----BEGIN CERTIFICATE "
        "REQUEST-----” to its end.</span></p>"
        "<p><label for=\"file\">Or choose its file</label>"
        "<input id=\"file\" name=\"file\" type=\"file\" accept=\".csr,.pem,.req,.p10,.der,"
        ".txt,application/pkcs10\"></p>",
        form_value(&p->form, STR("csr")));
    HTML_WITH(&p->h, "<p><button class=\"main\">{}</button></p>",
              renews.n > 0 ? STR("Renew") : STR("Send the request"));
}

int wish_page(struct page *p)
{
    struct str renews = given(p, "renews");
    bool renewal = renews.n > 0;
    page_begin(p, renewal ? STR("Renew a certificate") : STR("New request"), PAGE_NEW);
    HTML_WITH(&p->h, "<h1>{}</h1>",
              renewal ? STR("Renew a certificate") : STR("Ask for a certificate"));
    HTML_WITH(&p->h, "<p class=\"lead\">{}</p>",
              renewal ? STR("Send a new signing request. If you came here with the certificate "
                            "itself and it is still good, no operator is asked.")
                      : STR("Send a signing request (PKCS#10) for your account."));
    page_message(p);
    HTML(&p->h, "<div class=\"columns\"><form class=\"card\" method=\"post\" "
                "action=\"/ca/pages/new\" enctype=\"multipart/form-data\">");
    fields(p, renews);
    HTML(&p->h, "</form>");
    how_to(p);
    HTML(&p->h, "</div>");
    page_end(p);
    return 0;
}

static int read_wish(struct page *p, struct call_wish *w)
{
    struct str pasted = str_trim(form_value(&p->form, STR("csr")));
    struct str file = form_value(&p->form, STR("file"));
    struct err *e = &p->call->err;
    *w = (struct call_wish){.csr = pasted.n > 0 ? pasted : file,
                            .profile = form_value(&p->form, STR("profile")),
                            .renews = form_value(&p->form, STR("renews"))};
    if (pasted.n > 0 && file.n > 0) {
        return err_set(e, ERR_MALFORMED, "paste a request or choose a file, not both");
    }
    return w->csr.n > 0 ? 0 : err_set(e, ERR_MALFORMED, "paste a request, or choose its file");
}

static bool take_state(void *arg, const struct record *r)
{
    enum life_state *state = arg;
    *state = r->state;
    return true;
}

int wish_file(struct page *p)
{
    struct call *c = p->call;
    struct call_wish w;
    struct life_id id = {""};
    enum life_state state = LIFE_PENDING;
    char path[96];
    int rc = read_wish(p, &w);
    rc = rc == 0 ? call_file(c, &w, &id) : rc;
    if (rc != 0) {
        return page_again(p, wish_page, rc);
    }
    call_issue(c, str_of(id.text));
    rc = record_show(&c->service->life, str_of(id.text), take_state, &state, &c->err);
    (void)snprintf(path, sizeof(path), "/ca/pages/requests/%s?done=%s", id.text,
                   state == LIFE_ISSUED ? "issued" : "filed");
    return rc == 0 ? page_go(p, path) : rc;
}
