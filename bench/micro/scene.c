/* Owns: the configuration of the scene, and lists that are made for it. */
#include "bench/micro/scene.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/withdrawal.h"
#include "base/buf.h"
#include "bench/micro/need.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "conf/load.h"

#define DENY_TEXT_BYTES ((size_t)64 << 20)
#define SPREAD          UINT64_C(0x9e3779b97f4a7c15) /* odd: numbers in turn become scattered ones */

static const char configuration[] = "listeners:\n"
                                    "  - address: \"127.0.0.1:1\"\n"
                                    "    tls: { certificate: c, key: k }\n"
                                    "    client: { ca: a }\n"
                                    "users: { htpasswd: u }\n"
                                    "headers:\n"
                                    "  dialects: [own, nginx]\n"
                                    "  fields: { X-Unit: \"{subject.O}\", X-Name: \"{user}\" }\n"
                                    "routes: [ { path: \"/\", upstream: app } ]\n"
                                    "upstreams: { app: { servers: [ \"127.0.0.1:2\" ] } }\n";

static const char htpasswd[] = SCENE_USER ":" SCENE_HASH "\n";

void scene_make(struct scene *s, const struct pki *pki)
{
    struct diags *diags = diags_new();
    *s = (struct scene){.pki = pki, .files = files_new()};
    need(diags != NULL && s->files != NULL &&
             files_put(s->files, "/micro.yaml", STR(configuration)) == 0 &&
             files_put(s->files, "/u", STR(htpasswd)) == 0,
         "making files");
    s->conf = conf_load("/micro.yaml", s->files, diags);
    s->users =
        s->conf != NULL ? users_load(&s->conf->users, &s->conf->identity, s->files, diags) : NULL;
    if (s->users == NULL) {
        diags_print(diags, stderr);
    }
    need(s->users != NULL, "loading a configuration");
    diags_free(diags);
    s->identity = identity_new(pki->clients[0], &s->conf->identity);
    need(s->identity != NULL && s->identity->reason == REASON_OK, "reading an identity");
}

void scene_free(struct scene *s)
{
    identity_free(s->identity);
    users_unref(s->users);
    conf_unref(s->conf);
    files_free(s->files);
}

struct deny *scene_deny(const struct scene *s, size_t entries)
{
    struct conf_text path = {.p = "/deny"};
    struct conf conf = *s->conf;
    struct files *files = files_new();
    struct diags *diags = diags_new();
    struct buf text;
    buf_init(&text, DENY_TEXT_BYTES);
    need(files != NULL && diags != NULL && buf_append(&text, STR("user=nobody\n")) == 0,
         "making a deny list");
    for (uint64_t i = 1; i <= entries; i++) {
        need(buf_printf(&text, "fingerprint=%016" PRIx64 "%048" PRIx64 "\n", i * SPREAD, i) == 0,
             "making a deny list");
    }
    need(files_put(files, path.p, buf_str(&text)) == 0, "making a deny list");
    conf.revocation.deny = (struct conf_texts){&path, 1};
    struct deny *d = withdrawal_load(&conf, NULL, files, diags);
    if (d == NULL) {
        diags_print(diags, stderr);
    }
    need(d != NULL, "loading a deny list");
    diags_free(diags);
    files_free(files);
    buf_release(&text);
    return d;
}
