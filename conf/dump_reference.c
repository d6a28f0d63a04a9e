/* Owns: the reference page, docs/configuration.md. Not: what is in it (keys.c). Any thread. */
#include <stdio.h>
#include <string.h>

#include "conf/dump.h"
#include "conf/keys_text.h"

enum { PATH_MAX_LEN = 128 };

static const char head[] =
    "# Configuration\n"
    "\n"
    "Generated from the table that reads the file; `countersign config reference` prints it.\n"
    "`countersign check -c FILE` reports every mistake with its line; `countersign config show -c\n"
    "FILE` prints what is in force; `countersign config defaults` prints every key with its "
    "default;\n"
    "`countersign config schema` prints a JSON Schema for editors.\n"
    "\n"
    "## Example\n"
    "\n"
    "```yaml\n"
    "listeners:\n"
    "  - address: 0.0.0.0:8443\n"
    "    tls: { certificate: server.crt, key: server.key }\n"
    "    client: { ca: ca.crt, crl: ca.crl, on_failure: answer }\n"
    "identity: { user_id: subject.CN }\n"
    "users: { htpasswd: users.htpasswd }\n"
    "routes:\n"
    "  - { path: /, upstream: app }\n"
    "  - { path: /health, require: none, upstream: app }\n"
    "upstreams:\n"
    "  app: { servers: [ \"127.0.0.1:9000\" ] }\n"
    "```\n"
    "\n"
    "## Rules of the file\n"
    "\n"
    "- YAML, in UTF-8. Anchors, aliases, tags, directives and further documents are refused.\n"
    "- An unknown key, a key given twice, a value of the wrong type or out of bounds is an error.\n"
    "  All of them are reported, not only the first, and nothing starts.\n"
    "- **Durations** have a unit: `500ms`, `30s`, `5m`, `1h`, `1d`.\n"
    "- **Sizes** have one of `B`, `KiB`, `MiB`, `GiB`; a bare number means octets.\n"
    "- **Numbers** are decimal, without sign or leading zero. **Booleans** are `true` and "
    "`false`.\n"
    "- **Paths** that are relative start at the directory of the file that names them. A file to\n"
    "  be read that is not there is looked for in `$CREDENTIALS_DIRECTORY`, where systemd puts\n"
    "  credentials.\n"
    "- **Addresses** are `127.0.0.1:8443`, `[::1]:8443`, `unix:/path` (which may be\n"
    "  relative); for listeners also `systemd:NAME`, for upstreams also `host:port`.\n"
    "- **Variables**: `${NAME}` in a value is replaced by the environment variable, which must be\n"
    "  set; `${NAME:-default}` has a default; `$$` is a dollar. Keys are never replaced. Between\n"
    "  `{ }` or `[ ]` such a value needs quotation marks.\n"
    "- A key that begins with `insecure_` weakens a check; each use gives a warning.\n";

/* A text in a table cell. */
static void cell(struct emit *e, const char *text)
{
    for (; *text != '\0'; text++) {
        emit(e, *text == '|' || *text == '*' || *text == '<' ? "\\%c" : "%c", *text);
    }
}

static void type(struct emit *e, const struct key *k)
{
    emit(e, "%s", keys_type_text(k));
    for (size_t i = 0; k->choices != NULL && k->choices[i] != NULL; i++) {
        emit(e, "%s `%s`", i > 0 ? "," : "", k->choices[i]);
    }
}

static void fallback(struct emit *e, const struct key *k)
{
    if (k->required || (k->shown && k->section != NULL)) {
        emit(e, "required");
    } else if (k->fallback != NULL) {
        emit(e, "`%s`", k->fallback);
    } else if (k->fallback_note != NULL) {
        cell(e, k->fallback_note);
    } else if (k->type == KEY_LIST || k->type == KEY_MAP || k->type == KEY_PAIRS ||
               keys_is_list(k)) {
        emit(e, "none");
    } else {
        emit(e, "–");
    }
}

static void row(struct emit *e, const struct key *k, const char *prefix)
{
    char bounds[KEYS_BOUNDS_MAX];
    emit(e, "| `%s%s` | ", prefix, k->name);
    type(e, k);
    emit(e, " | ");
    fallback(e, k);
    emit(e, " | %s | ", keys_bounds_text(k, bounds));
    cell(e, k->meaning);
    emit(e, " |\n");
}

/* The rows of a section and of those inside it, with their path. */
static void rows(struct emit *e, const struct key_section *s, const char *prefix)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct key *k = &s->keys[i];
        row(e, k, prefix);
        if (k->section != NULL && k->fallback_note == NULL) {
            char deeper[PATH_MAX_LEN];
            (void)snprintf(deeper, sizeof(deeper), "%s%s%s", prefix, k->name,
                           k->type == KEY_LIST ? "[]." : ".");
            rows(e, k->section, deeper);
        }
    }
}

static const char table[] =
    "\n| key | type | default | bounds | meaning |\n|---|---|---|---|---|\n";

int conf_dump_reference(struct buf *out)
{
    struct emit e = {out, 0};
    e.rc = buf_append(out, (struct str){head, sizeof(head) - 1});
    emit(&e, "\n## The file\n%s", table);
    for (size_t i = 0; i < keys_root.count; i++) {
        row(&e, &keys_root.keys[i], "");
    }
    for (size_t i = 0; i < keys_root.count; i++) {
        const struct key *k = &keys_root.keys[i];
        if (k->section == NULL) {
            continue;
        }
        emit(&e, "\n## %s\n\n%s%s%s", k->name, k->section->intro,
             k->type == KEY_MAP ? " The keys of each entry:\n"
                                : (k->type == KEY_LIST ? " The keys of an entry:\n" : "\n"),
             table);
        rows(&e, k->section, "");
    }
    return e.rc;
}
