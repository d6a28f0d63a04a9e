/* The frame around every page: head, navigation, messages, errors, redirects, and the fields that
 * keep a browser from doing more than showing it. Private to ca/pages. */
#ifndef CA_PAGES_PAGE_H
#define CA_PAGES_PAGE_H

#include <stdbool.h>

#include "ca/call.h"
#include "ca/pages/form.h"
#include "ca/pages/html.h"

/* Parts of the pages, each with a prefix of its own, so that the proxy can ask for other proofs. */
enum page_area {
    PAGE_OWN = 0, /* everybody, about themselves */
    PAGE_DESK,    /* operators */
    PAGE_ENROL,   /* somebody without an account's proof, with a one-time code */
};

/* Where one is, for the navigation. */
enum page_place {
    PAGE_NOWHERE = 0,
    PAGE_HOME,
    PAGE_NEW,
    PAGE_REQUESTS,
    PAGE_EXPIRY,
    PAGE_REGISTER,
};

struct page {
    struct call *call;
    struct html h;
    enum page_area area;
    struct str style;      /* the path of the style sheet, as the browser asks for it */
    struct str message;    /* what went wrong with what was sent; empty: nothing */
    struct form form;      /* what was sent; empty for GET */
    unsigned later_status; /* of a form that is shown again; 0: 200 */
};

/* The part of the path that stands for the area: "", "desk/" or "enrol/". */
struct str page_prefix(const struct page *p);

/* Everything up to the heading. title: what the page is about. */
void page_begin(struct page *p, struct str title, enum page_place here);
void page_end(struct page *p);

/* The hidden field that shows that a form comes from here. */
void page_token(struct page *p);

/* A paragraph in a box for what has been done, from ?done= of the address: one of ours, or none. */
void page_done(struct page *p);

/* The message, if there is one, in a box that is read out at once. */
void page_message(struct page *p);

/* 303 to a path of ours (RFC 9110 15.4.4): the answer to a form. Returns 0 always. */
int page_go(struct page *p, const char *path);

/* A page with what went wrong and what to do, instead of whatever was written. */
void page_error(struct page *p, unsigned status, struct str text);

/* The fields of every answer. */
void page_fields(struct http_reply *reply);

/* What was sent failed with rc, and p->call->err says why: where it can be put right, show the page
 * again with that status and text. Returns what show returns, or rc where it is our own failure. */
int page_again(struct page *p, int (*show)(struct page *p), int rc);

#endif
