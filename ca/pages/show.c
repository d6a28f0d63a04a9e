/* Owns: words for states and reasons, and how a request looks in a list. */
#include "ca/pages/show.h"

#include "base/clock.h"
#include "ca/withdraw.h"

bool show_is_good(const struct record *r)
{
    return r->certificate.n > 0 && r->state != LIFE_WITHDRAWN && r->state != LIFE_EXPIRED &&
           r->not_after_ms > clock_wall_ms();
}

void show_state(struct page *p, const struct record *r)
{
    bool held = r->state == LIFE_WITHDRAWN && r->withdrawn_reason == WITHDRAW_HOLD;
    struct str word = held ? STR("on hold") : str_of(life_state_name(r->state));
    HTML_WITH(&p->h, "<span class=\"state {}\">{}</span>",
              held ? STR("held") : str_of(life_state_name(r->state)), word);
}

struct str show_reason(int reason)
{
    switch (reason) {
    case WITHDRAW_KEY_COMPROMISE:
        return STR("the key may be known to others");
    case WITHDRAW_AFFILIATION_CHANGED:
        return STR("the user has left, or changed the company");
    case WITHDRAW_SUPERSEDED:
        return STR("another certificate has taken its place");
    case WITHDRAW_CESSATION:
        return STR("it is not needed any more");
    case WITHDRAW_HOLD:
        return STR("on hold for now");
    case WITHDRAW_PRIVILEGE_WITHDRAWN:
        return STR("the user may not come in any more");
    default:
        return STR("no reason given");
    }
}

/* One's own are told apart by what they are for, others' by whose they are. */
void show_table(struct page *p, struct str caption)
{
    HTML_WITH(&p->h,
              "<table role=\"table\"><caption class=\"unseen\">{}</caption>"
              "<thead role=\"rowgroup\"><tr role=\"row\">",
              caption);
    if (p->area == PAGE_DESK) {
        HTML(&p->h, "<th role=\"columnheader\" scope=\"col\">User</th>");
    }
    HTML(&p->h, "<th role=\"columnheader\" scope=\"col\">Profile</th>"
                "<th role=\"columnheader\" scope=\"col\">Company</th>"
                "<th role=\"columnheader\" scope=\"col\">State</th>"
                "<th role=\"columnheader\" scope=\"col\">Filed</th>"
                "<th role=\"columnheader\" scope=\"col\">Good until</th>"
                "</tr></thead><tbody role=\"rowgroup\">");
}

static void show_end(struct page *p, const struct record *r)
{
    int64_t now_ms = clock_wall_ms();
    if (r->serial.n == 0) {
        HTML(&p->h, "<span aria-hidden=\"true\">–</span><span class=\"unseen\">no certificate"
                    "</span>");
        return;
    }
    html_time(&p->h, r->not_after_ms);
    if (show_is_good(r)) {
        HTML(&p->h, " <span class=\"soft\">");
        html_distance(&p->h, r->not_after_ms, now_ms);
        HTML(&p->h, "</span>");
    }
}

void show_row(struct page *p, const struct record *r)
{
    bool desk = p->area == PAGE_DESK;
    HTML_WITH(&p->h,
              "<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">"
              "<a href=\"/ca/pages/{}requests/{u}\"><bdi>{}</bdi></a></th>",
              page_prefix(p), r->id, desk ? r->user : r->profile);
    if (desk) {
        HTML_WITH(&p->h, "<td role=\"cell\" data-label=\"Profile\">{}</td>", r->profile);
    }
    HTML_WITH(&p->h,
              "<td role=\"cell\" data-label=\"Company\"><bdi>{}</bdi></td>"
              "<td role=\"cell\" data-label=\"State\">",
              r->company);
    show_state(p, r);
    if (r->state == LIFE_PENDING) {
        HTML(&p->h, " <span class=\"soft\">");
        html_number(&p->h, r->approvals);
        HTML(&p->h, " of ");
        html_number(&p->h, r->approvals_needed);
        HTML(&p->h, " agreed</span>");
    }
    HTML(&p->h, "</td><td role=\"cell\" data-label=\"Filed\">");
    html_time(&p->h, r->filed_ms);
    HTML(&p->h, "</td><td role=\"cell\" data-label=\"Good until\">");
    show_end(p, r);
    HTML(&p->h, "</td></tr>");
}

void show_table_end(struct page *p)
{
    HTML(&p->h, "</tbody></table>");
}
