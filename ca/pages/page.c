/* Owns: what every page has in common. */
#include "ca/pages/page.h"

#include "ca/pages/sent.h"

/* Nothing but our style sheet is loaded, forms go to us alone, and nobody frames us. Browsers tell
 * the origin of a form with this referrer policy; with a stricter one they say "null". */
void page_fields(struct http_reply *reply)
{
    static const struct {
        const char *name;
        const char *value;
    } fields[] = {
        {"Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; "
                                    "frame-ancestors 'none'; base-uri 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        http_reply_field(reply, fields[i].name, fields[i].value);
    }
}

struct str page_prefix(const struct page *p)
{
    static const struct str prefixes[] = {[PAGE_OWN] = HTML_WORDS(""),
                                          [PAGE_DESK] = HTML_WORDS("desk/"),
                                          [PAGE_ENROL] = HTML_WORDS("enrol/")};
    return prefixes[p->area];
}

static void search_form(struct page *p)
{
    HTML_WITH(&p->h,
              "<form class=\"search\" role=\"search\" action=\"/ca/pages/desk/search\">"
              "<label class=\"unseen\" for=\"search\">Search users, serial numbers and ids</label>"
              "<input id=\"search\" name=\"q\" type=\"search\" placeholder=\"User, serial or id\" "
              "maxlength=\"255\" value=\"{}\"><button>Search</button></form>",
              http_query(p->call->request, "q"));
}

static void navigation(struct page *p, enum page_place here)
{
    static const struct {
        enum page_place place;
        bool desk;
        struct str path;
        struct str words;
    } links[] = {
        {PAGE_HOME, false, HTML_WORDS(""), HTML_WORDS("My certificates")},
        {PAGE_NEW, false, HTML_WORDS("new"), HTML_WORDS("New request")},
        {PAGE_REQUESTS, true, HTML_WORDS("desk/requests"), HTML_WORDS("Requests")},
        {PAGE_EXPIRY, true, HTML_WORDS("desk/certificates"), HTML_WORDS("Certificates")},
        {PAGE_REGISTER, true, HTML_WORDS("desk/register"), HTML_WORDS("Register")},
    };
    bool operates = call_is_any_operator(p->call);
    HTML(&p->h, "<nav aria-label=\"Main\"><ul>");
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        if (links[i].desk && !operates) {
            continue;
        }
        HTML_WITH(&p->h, "<li><a href=\"/ca/pages/{}\"", links[i].path);
        if (links[i].place == here) {
            HTML(&p->h, " aria-current=\"page\"");
        }
        HTML_WITH(&p->h, ">{}</a></li>", links[i].words);
    }
    HTML(&p->h, "</ul></nav>");
    if (operates) {
        search_form(p);
    }
}

void page_begin(struct page *p, struct str title, enum page_place here)
{
    struct call *c = p->call;
    c->reply->status = p->later_status != 0 ? p->later_status : 200;
    c->reply->type = "text/html; charset=utf-8";
    HTML_WITH(&p->h,
              "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
              "<meta name=\"color-scheme\" content=\"light dark\">"
              "<title>{} – Certificates</title>"
              "<link rel=\"stylesheet\" href=\"{}\"></head><body>"
              "<a class=\"skip\" href=\"#main\">Skip to the content</a>"
              "<header><div class=\"bar\"><p class=\"brand\">Certificates</p>",
              title, p->style);
    if (c->user != NULL) {
        navigation(p, here);
        HTML_WITH(&p->h,
                  "<p class=\"who\"><span class=\"unseen\">Signed in as </span><bdi>{}</bdi></p>",
                  c->self.who.name);
    }
    HTML(&p->h, "</div></header><main id=\"main\" tabindex=\"-1\">");
}

void page_end(struct page *p)
{
    HTML(&p->h, "</main><footer><p>Times are UTC. All that is done here is written to a record "
                "in which every change shows.</p></footer></body></html>\n");
}

void page_token(struct page *p)
{
    char token[SENT_TOKEN_LEN + 1];
    if (sent_token(p->call, token) != 0) {
        p->h.rc = p->h.rc == 0 ? -ERR_CRYPTO : p->h.rc;
        return;
    }
    HTML_WITH(&p->h, "<input type=\"hidden\" name=\"token\" value=\"{}\">", str_of(token));
}

void page_done(struct page *p)
{
    static const struct {
        struct str token;
        struct str words;
    } known[] = {
        {HTML_WORDS("filed"), HTML_WORDS("Your request is filed.")},
        {HTML_WORDS("issued"), HTML_WORDS("Your certificate is ready.")},
        {HTML_WORDS("approved"), HTML_WORDS("You have agreed to this request.")},
        {HTML_WORDS("registered"),
         HTML_WORDS("The person is registered. When others have agreed, there is a code.")},
        {HTML_WORDS("denied"), HTML_WORDS("You have denied this request.")},
        {HTML_WORDS("withdrawn"),
         HTML_WORDS("The certificate is withdrawn, and refused from now on.")},
        {HTML_WORDS("withdrawing"),
         HTML_WORDS("The certificate is withdrawn; the proxies will refuse it within moments.")},
        {HTML_WORDS("lifted"), HTML_WORDS("The hold is lifted: the certificate is good again.")},
    };
    struct str token = http_query(p->call->request, "done");
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_eq(token, known[i].token)) {
            HTML_WITH(&p->h, "<p class=\"note good\" role=\"status\">{}</p>", known[i].words);
        }
    }
}

void page_message(struct page *p)
{
    if (p->message.n > 0) {
        HTML_WITH(
            &p->h,
            "<div class=\"note bad\" role=\"alert\"><h2>That did not work</h2><p>{}.</p></div>",
            p->message);
    }
}

int page_go(struct page *p, const char *path)
{
    http_reply_field(p->call->reply, "Location", path);
    p->call->reply->status = 303;
    return 0;
}

static struct str words_of(unsigned status)
{
    switch (status) {
    case 400:
        return STR("That cannot be read");
    case 403:
        return STR("That is not for you");
    case 404:
        return STR("There is nothing here");
    case 405:
        return STR("That is done in another way");
    case 409:
        return STR("It is too late for that");
    case 413:
        return STR("That is too much");
    case 415:
        return STR("That is no form");
    case 503:
        return STR("Not now");
    default:
        return STR("That is our fault");
    }
}

static struct str advice_of(unsigned status)
{
    switch (status) {
    case 404:
        return STR("It may never have been there, or it is not yours to see.");
    case 409:
        return STR("Go back and load the page anew: somebody was faster.");
    case 500:
        return STR("Nothing was done. It is in the log; tell those who run this service.");
    case 503:
        return STR("Nothing was done. Try again in a moment.");
    default:
        return STR_NONE;
    }
}

void page_error(struct page *p, unsigned status, struct str text)
{
    struct str title = words_of(status);
    struct str advice = advice_of(status);
    buf_clear(p->h.out);
    p->h.rc = 0;
    p->later_status = status;
    page_begin(p, title, PAGE_NOWHERE);
    HTML_WITH(&p->h, "<h1>{}</h1><p class=\"lead\">{}.</p>", title, text);
    if (advice.n > 0) {
        HTML_WITH(&p->h, "<p>{}</p>", advice);
    }
    HTML_WITH(&p->h, "<p><a class=\"button\" href=\"/ca/pages/{}\">To the start</a></p>",
              page_prefix(p));
    page_end(p);
}

int page_again(struct page *p, int (*show)(struct page *p), int rc)
{
    struct err e = p->call->err; /* showing may fail in its own way */
    unsigned status = call_status(rc);
    if (status >= 500) {
        return rc;
    }
    p->later_status = status;
    p->message = str_of(e.text);
    return show(p);
}
