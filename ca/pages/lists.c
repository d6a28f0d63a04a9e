/* Owns: which records are on a page of a list, and the way to the next. */
#include "ca/pages/lists.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ca/pages/show.h"
#include "ca/pages/visible.h"

#define ROWS 50
#define SCANNED                                                                                    \
    1000 /* rows that are looked at for one page, as some may be of others' profiles               \
          */
#define DAY_MS INT64_C(86400000)

struct list {
    struct page *p;
    size_t rows;
    size_t scanned;
    bool more;
    int64_t cursor;                      /* of the last row that was looked at */
    int64_t end_ms;                      /* of its certificate */
    char serial[VISIBLE_SERIAL_MAX + 1]; /* and its number */
    struct str caption;
};

static bool add(void *arg, const struct record *r)
{
    struct list *l = arg;
    l->more = l->rows == ROWS;
    if (l->more) {
        return false;
    }
    l->scanned++;
    l->cursor = r->cursor;
    l->end_ms = r->not_after_ms;
    (void)snprintf(l->serial, sizeof(l->serial), "%.*s", STR_ARG(r->serial));
    if (visible_is(l->p, r)) {
        if (l->rows++ == 0) {
            show_table(l->p, l->caption);
        }
        show_row(l->p, r);
    }
    return true;
}

/* Walk, and end the table. Returns as record_each(). */
static int walk(struct list *l, const struct record_query *q)
{
    struct call *c = l->p->call;
    int rc = record_each(&c->service->life, q, add, l, &c->err);
    l->more = l->more || l->scanned == q->limit;
    if (l->rows > 0) {
        show_table_end(l->p);
    }
    return rc;
}

static int read_number(struct call *c, const char *name, uint64_t *out)
{
    struct str text = http_query(c->request, name);
    *out = 0;
    return text.p == NULL || (str_to_u64(text, out) && *out <= INT64_MAX)
               ? 0
               : err_set(&c->err, ERR_MALFORMED, "\"%s\" in the address is no number", name);
}

static void number_text(int64_t n, char out[24])
{
    (void)snprintf(out, 24, "%lld", (long long)n);
}

static void empty(struct page *p, struct str words)
{
    HTML_WITH(&p->h, "<p class=\"empty\">{}</p>", words);
}

static void next(struct page *p, struct str key, struct str value, int64_t cursor)
{
    char after[24];
    number_text(cursor, after);
    HTML_WITH(&p->h,
              "<p class=\"next\"><a class=\"button\" rel=\"next\" href=\"?{}={u}&amp;after={}\">"
              "Next page</a></p>",
              key, value, str_of(after));
}

int lists_own(struct page *p)
{
    uint64_t after = 0;
    int rc = read_number(p->call, "after", &after);
    if (rc != 0) {
        return rc;
    }
    struct list l = {.p = p, .caption = STR("Your requests and certificates")};
    const struct record_query q = {
        .user = p->call->self.who.name, .after = (int64_t)after, .limit = SCANNED};
    page_begin(p, STR("My certificates"), PAGE_HOME);
    page_done(p);
    HTML(&p->h, "<div class=\"title\"><h1>My certificates</h1> "
                "<a class=\"button main\" href=\"/ca/pages/new\">New request</a></div>");
    rc = walk(&l, &q);
    if (l.rows == 0) {
        empty(p, STR("You have no certificate yet. Begin with a new request."));
    }
    if (l.more) {
        next(p, STR("of"), STR("me"), l.cursor);
    }
    page_end(p);
    return rc;
}

static void filters(struct page *p, const enum life_state *chosen)
{
    HTML(&p->h, "<nav aria-label=\"States\"><ul class=\"filters\">");
    for (unsigned s = 0; s <= LIFE_STATE_COUNT; s++) {
        bool all = s == LIFE_STATE_COUNT;
        struct str name = all ? STR("all") : str_of(life_state_name((enum life_state)s));
        HTML_WITH(&p->h, "<li><a href=\"?state={u}\"", name);
        if (chosen == NULL ? all : *chosen == (enum life_state)s) {
            HTML(&p->h, " aria-current=\"true\"");
        }
        HTML_WITH(&p->h, ">{}</a></li>", name);
    }
    HTML(&p->h, "</ul></nav>");
}

int lists_requests(struct page *p)
{
    struct call *c = p->call;
    uint64_t after = 0;
    struct str wanted = http_query(c->request, "state");
    enum life_state state = wanted.p != NULL ? life_state_of(wanted) : LIFE_PENDING;
    bool all = wanted.p != NULL && str_eq(wanted, STR("all"));
    int rc = read_number(c, "after", &after);
    if (rc == 0 && state == LIFE_STATE_COUNT && !all) {
        rc = err_set(&c->err, ERR_MALFORMED, "there is no such state");
    }
    if (rc != 0) {
        return rc;
    }
    struct list l = {.p = p, .caption = STR("Requests, newest first")};
    const struct record_query q = {
        .state = all ? NULL : &state, .after = (int64_t)after, .limit = SCANNED};
    page_begin(p, STR("Requests"), PAGE_REQUESTS);
    HTML(&p->h, "<h1>Requests</h1>");
    filters(p, q.state);
    rc = walk(&l, &q);
    if (l.rows == 0) {
        empty(p, state == LIFE_PENDING && !all ? STR("Nothing waits for a decision.")
                                               : STR("None is in this state."));
    }
    if (l.more) {
        next(p, STR("state"), all ? STR("all") : str_of(life_state_name(state)), l.cursor);
    }
    page_end(p);
    return rc;
}

static void windows(struct page *p, uint64_t chosen)
{
    static const struct {
        uint64_t days;
        struct str words;
    } known[] = {
        {7, HTML_WORDS("7 days")},
        {30, HTML_WORDS("30 days")},
        {90, HTML_WORDS("90 days")},
        {0, HTML_WORDS("all in use")},
    };
    HTML(&p->h, "<nav aria-label=\"Ending within\"><ul class=\"filters\">");
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char days[24];
        number_text((int64_t)known[i].days, days);
        HTML_WITH(&p->h, "<li><a href=\"?within={}\"", str_of(days));
        if (known[i].days == chosen) {
            HTML(&p->h, " aria-current=\"true\"");
        }
        HTML_WITH(&p->h, ">{}</a></li>", known[i].words);
    }
    HTML(&p->h, "</ul></nav>");
}

static void next_expiry(struct page *p, const struct list *l, uint64_t within)
{
    char days[24];
    char after[24];
    number_text((int64_t)within, days);
    number_text(l->end_ms, after);
    HTML_WITH(&p->h,
              "<p class=\"next\"><a class=\"button\" rel=\"next\" "
              "href=\"?within={}&amp;after={}&amp;serial={u}\">Next page</a></p>",
              str_of(days), str_of(after), str_of(l->serial));
}

int lists_expiry(struct page *p)
{
    struct call *c = p->call;
    int64_t now_ms = clock_wall_ms();
    uint64_t after = 0;
    uint64_t within = 0;
    int rc = read_number(c, "after", &after);
    rc = rc == 0 ? read_number(c, "within", &within) : rc;
    if (rc == 0 && within > 36500) {
        rc = err_set(&c->err, ERR_MALFORMED, "\"within\" in the address is more than 36500 days");
    }
    if (rc != 0) {
        return rc;
    }
    struct list l = {.p = p, .caption = STR("Certificates in use, those that end soonest first")};
    const struct record_query q = {.expires_before_ms =
                                       within > 0 ? now_ms + (int64_t)within * DAY_MS : INT64_MAX,
                                   .after = after > 0 ? (int64_t)after : now_ms,
                                   .after_serial = http_query(c->request, "serial"),
                                   .limit = SCANNED};
    page_begin(p, STR("Certificates"), PAGE_EXPIRY);
    HTML(&p->h, "<h1>Certificates by their end</h1>");
    windows(p, within);
    rc = walk(&l, &q);
    if (l.rows == 0) {
        empty(p, STR("No certificate in use ends within this time."));
    }
    if (l.more) {
        next_expiry(p, &l, within);
    }
    page_end(p);
    return rc;
}

int lists_user(struct page *p)
{
    struct call *c = p->call;
    struct str user = http_query(c->request, "user");
    uint64_t after = 0;
    int rc = read_number(c, "after", &after);
    if (rc == 0 && user.n == 0) {
        rc = err_set(&c->err, ERR_MALFORMED, "the address does not say which user");
    }
    if (rc != 0) {
        return rc;
    }
    struct list l = {.p = p, .caption = STR("Requests and certificates of this user")};
    const struct record_query q = {.user = user, .after = (int64_t)after, .limit = SCANNED};
    page_begin(p, STR("One user"), PAGE_NOWHERE);
    HTML_WITH(&p->h,
              "<h1><bdi>{}</bdi></h1><p class=\"lead\">All requests and certificates, newest "
              "first.</p>",
              user);
    rc = walk(&l, &q);
    if (l.rows == 0) {
        empty(p, STR("There is none that you may see."));
    }
    if (l.more) {
        next(p, STR("user"), user, l.cursor);
    }
    page_end(p);
    return rc;
}

/* The id of the record that exactly fits, if one may see it. */
struct exact {
    struct page *p;
    char id[LIFE_ID_LEN + 1];
};

static bool take_exact(void *arg, const struct record *r)
{
    struct exact *x = arg;
    if (visible_is(x->p, r)) {
        (void)snprintf(x->id, sizeof(x->id), "%.*s", STR_ARG(r->id));
    }
    return true;
}

#define HEX_MAX 64

/* The hexadecimal digits of s, as openssl and browsers write them, in one case; 0: it is not that.
 */
static size_t hex_of(struct str s, char out[HEX_MAX], bool upper)
{
    static const char lower_digits[] = "0123456789abcdef";
    static const char upper_digits[] = "0123456789ABCDEF";
    const char *digits = upper ? upper_digits : lower_digits;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower(s.p[i]);
        const char *at = memchr(lower_digits, c, sizeof(lower_digits) - 1);
        if (c == ':' || c == ' ') {
            continue;
        }
        if (at == NULL || n == HEX_MAX) {
            return 0;
        }
        out[n++] = digits[at - lower_digits];
    }
    return n;
}

static unsigned char nibble(char c)
{
    return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static int find_exact(struct page *p, struct str q, struct exact *x)
{
    const struct life *l = &p->call->service->life;
    char lower[HEX_MAX];
    char upper[HEX_MAX];
    unsigned char digest[HEX_MAX / 2];
    size_t n = hex_of(q, lower, false);
    int rc = -ERR_NOT_FOUND;
    if (n == LIFE_ID_LEN) {
        rc = record_show(l, (struct str){lower, n}, take_exact, x, NULL);
    }
    if (rc == -ERR_NOT_FOUND && n > 0) {
        rc =
            record_show_serial(l, (struct str){upper, hex_of(q, upper, true)}, take_exact, x, NULL);
    }
    if (rc == -ERR_NOT_FOUND && n == HEX_MAX) {
        for (size_t i = 0; i < sizeof(digest); i++) {
            digest[i] = (unsigned char)(nibble(lower[2 * i]) << 4 | nibble(lower[2 * i + 1]));
        }
        struct str fingerprint = {(const char *)digest, sizeof(digest)};
        rc = record_show_fingerprint(l, fingerprint, take_exact, x, NULL);
    }
    return rc == -ERR_NOT_FOUND ? 0 : rc;
}

static int fitting(struct page *p, struct str q)
{
    struct list l = {.p = p, .caption = STR("What was found, by user")};
    const struct record_query query = {.user_prefix = q, .limit = SCANNED};
    page_begin(p, STR("Search"), PAGE_NOWHERE);
    HTML_WITH(&p->h, "<h1>Search</h1><p class=\"lead\">Users that begin with “<bdi>{}</bdi>”</p>",
              q);
    int rc = walk(&l, &query);
    if (l.rows == 0) {
        empty(p, STR("Nothing fits. Search for the beginning of a user's name, or for a whole "
                     "serial number, fingerprint or request id."));
    }
    if (l.more) {
        HTML(&p->h, "<p class=\"next\">There are more: write more of the name.</p>");
    }
    page_end(p);
    return rc;
}

int lists_search(struct page *p)
{
    struct str q = str_trim(http_query(p->call->request, "q"));
    struct exact x = {.p = p};
    char path[96];
    if (q.n == 0) {
        return page_go(p, "/ca/pages/desk/requests");
    }
    int rc = find_exact(p, q, &x);
    if (rc != 0) {
        return err_set(&p->call->err, (enum err_code) - rc, "the database does not answer");
    }
    if (x.id[0] != '\0') {
        (void)snprintf(path, sizeof(path), "/ca/pages/desk/requests/%s", x.id);
        return page_go(p, path);
    }
    return fitting(p, q);
}
