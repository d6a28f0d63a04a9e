/* libcurl, loaded at its first use. Private to ca. */
#ifndef CA_WEB_LIBRARY_H
#define CA_WEB_LIBRARY_H

#include <curl/curl.h>

#include "base/err.h"

/* What is used of it; the types are those of its header. */
struct web_library {
    CURL *(*init)(void);
    CURLcode (*set)(CURL *handle, CURLoption option, ...);
    CURLcode (*perform)(CURL *handle);
    CURLcode (*info)(CURL *handle, CURLINFO info, ...);
    void (*cleanup)(CURL *handle);
    const char *(*text)(CURLcode code);
    struct curl_slist *(*append)(struct curl_slist *list, const char *text);
    void (*free_list)(struct curl_slist *list);
};

/* Load it, once. Returns 0 with *out (never freed), or -ERR_UNSUPPORTED with e. One thread. */
int web_library(const struct web_library **out, struct err *e) __attribute__((warn_unused_result));

/* "libcurl 7.88.1": the one that would be loaded; "libcurl: not installed" without. */
const char *web_library_version(void);

#endif
