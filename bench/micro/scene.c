/* Owns: the configuration of the scene. */
#include "bench/micro/scene.h"

#include <stdio.h>

#include "bench/micro/need.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "conf/load.h"

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
