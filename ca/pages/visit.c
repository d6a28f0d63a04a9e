/* Owns: the form for a code. Leaves what it is good for to enrol and handover. */
#include "ca/pages/visit.h"

#include "ca/enrol.h"

static void id_field(struct page *p)
{
    struct str sent = form_value(&p->form, STR("request"));
    HTML_WITH(&p->h,
              "<p><label for=\"request\">Request</label><input id=\"request\" name=\"request\" "
              "required maxlength=\"64\" autocomplete=\"off\" spellcheck=\"false\" value=\"{}\" "
              "aria-describedby=\"request-help\"><span class=\"help\" id=\"request-help\">You were "
              "told it with the code.</span></p>",
              sent.p != NULL ? sent : p->call->id);
}

static void own_key(struct page *p)
{
    struct str csr = form_value(&p->form, STR("csr"));
    HTML(&p->h, "<details");
    if (csr.n > 0) {
        HTML(&p->h, " open");
    }
    HTML_WITH(&p->h,
              "><summary>I have made my own key</summary><p><label for=\"csr\">Signing request "
              "</label><textarea id=\"csr\" name=\"csr\" rows=\"7\" spellcheck=\"false\" "
              "autocomplete=\"off\" aria-describedby=\"csr-help\">\n{}</textarea>"
              "<span class=\"help\" id=\"csr-help\">You get the certificate alone then. Most "
              "people leave this empty.</span></p></details>",
              csr);
}

int visit_page(struct page *p)
{
    page_begin(p, STR("Get your certificate"), PAGE_NOWHERE);
    HTML(&p->h,
         "<h1>Get your certificate</h1><p class=\"lead\">With the one-time code that you were "
         "given. It is good once.</p>");
    page_message(p);
    HTML(&p->h, "<div class=\"columns\"><form class=\"card\" method=\"post\" "
                "action=\"/ca/pages/enrol/\">");
    page_token(p);
    id_field(p);
    HTML(&p->h,
         "<p><label for=\"code\">Code</label><input id=\"code\" name=\"code\" required "
         "maxlength=\"64\" autocomplete=\"one-time-code\" autocapitalize=\"characters\" "
         "spellcheck=\"false\" class=\"secret\" aria-describedby=\"code-help\">"
         "<span class=\"help\" id=\"code-help\">Four groups of four letters and digits. Case "
         "and dashes do not matter.</span></p>");
    own_key(p);
    HTML(&p->h, "<p><button class=\"main\">Get the file</button></p></form>"
                "<section><h2>What comes then</h2><ol class=\"lines\">"
                "<li>Your browser saves a file that ends in .p12. It holds your key and your "
                "certificate; keep it to yourself.</li>"
                "<li>Its password comes to you by another way.</li>"
                "<li>Open the file on this device, or take it into your browser's "
                "certificates.</li></ol></section></div>");
    page_end(p);
    return 0;
}

int visit_redeem(struct page *p)
{
    struct handover_visit v = {.id = str_trim(form_value(&p->form, STR("request"))),
                               .code = str_trim(form_value(&p->form, STR("code"))),
                               .csr = str_trim(form_value(&p->form, STR("csr")))};
    int rc = enrol_give(p->call, &v);
    return rc == 0 ? 0 : page_again(p, visit_page, rc);
}
