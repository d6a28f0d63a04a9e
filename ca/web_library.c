/* Owns: finding libcurl's functions. A proxy's worker talks to the whole world and needs none of
 * libcurl's thirty libraries, so that the program is not linked to it. */
#include "ca/web_library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

/* A function's address comes as an object's; POSIX says that both are of one size. */
static bool find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof(found));
    return found != NULL;
}

static bool find_all(void *library, struct web_library *l)
{
    return find(library, "curl_easy_init", &l->init) &&
           find(library, "curl_easy_setopt", &l->set) &&
           find(library, "curl_easy_perform", &l->perform) &&
           find(library, "curl_easy_getinfo", &l->info) &&
           find(library, "curl_easy_cleanup", &l->cleanup) &&
           find(library, "curl_easy_strerror", &l->text) &&
           find(library, "curl_slist_append", &l->append) &&
           find(library, "curl_slist_free_all", &l->free_list);
}

int web_library(const struct web_library **out, struct err *e)
{
    static struct web_library loaded;
    CURLcode (*start)(long flags) = NULL;
    if (loaded.init == NULL) {
        struct web_library l = {.init = NULL};
        void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        if (library == NULL || !find(library, "curl_global_init", &start) ||
            !find_all(library, &l)) {
            return err_set(e, ERR_UNSUPPORTED, "%s is not there: install it (Debian: libcurl4)",
                           LIBRARY);
        }
        if (start(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
            return err_set(e, ERR_UNSUPPORTED, "%s does not start", LIBRARY);
        }
        loaded = l;
    }
    *out = &loaded;
    return 0;
}

const char *web_library_version(void)
{
    static char text[40];
    const curl_version_info_data *(*info)(CURLversion asked) = NULL;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL || !find(library, "curl_version_info", &info)) {
        return "libcurl: not installed";
    }
    (void)snprintf(text, sizeof(text), "libcurl %s", info(CURLVERSION_NOW)->version);
    return text;
}
