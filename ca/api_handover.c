/* Owns: what operators send and are told of a hand-over, as JSON. */
#include "ca/api_handover.h"

#include <string.h>

#include "base/clock.h"
#include "ca/api_json.h"
#include "ca/handover.h"
#include "ca/records.h"

static struct handover handover_of(const struct call *c)
{
    return (struct handover){&c->service->life, c->service->notify};
}

/* Members that nobody is to pass on are left out. */
static json_t *json_told(const struct handover_told *told)
{
    char ends[CLOCK_RFC3339_LEN + 1];
    const struct {
        const char *name;
        const char *text;
    } members[] = {{"request", told->id.text},
                   {"link", told->link},
                   {"code", told->code},
                   {"password", told->password},
                   {"validUntil", ends}};
    json_t *o = json_object();
    clock_rfc3339(told->ends_ms, ends);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].text[0] != '\0') {
            (void)json_object_set_new(o, members[i].name, json_string(members[i].text));
        }
    }
    return o;
}

static bool is_text(const json_t *record, const char *name, const char *text)
{
    const char *is = json_string_value(json_object_get(record, name));
    return is != NULL && strcmp(is, text) == 0;
}

void api_handover_add(struct call *c, json_t *record)
{
    struct handover_told told;
    struct err e = {0};
    const struct handover h = handover_of(c);
    if (!is_text(record, "state", "approved") || !is_text(record, "kind", "registered")) {
        return;
    }
    struct str id = api_member(record, "id");
    json_t *o = handover_code(&h, &c->self, id, &told, &e) == 0
                    ? json_told(&told)
                    : json_pack("{s:s}", "error", e.text);
    handover_told_wipe(&told);
    (void)json_object_set_new(record, "handover", o);
}

struct shown {
    const struct life *life;
    json_t *record;
};

static bool show(void *arg, const struct record *r)
{
    struct shown *s = arg;
    s->record = api_record(s->life, r, false);
    return true;
}

int api_handover_register(struct call *c)
{
    struct life_id id;
    struct shown s = {&c->service->life, NULL};
    const struct handover h = handover_of(c);
    json_t *root = api_parse(c->request->body, &c->err);
    if (root == NULL) {
        return -ERR_MALFORMED;
    }
    const struct handover_person p = {.user = api_member(root, "user"),
                                      .company = api_member(root, "company"),
                                      .profile = api_member(root, "profile")};
    int rc = handover_register(&h, &c->self, &p, &id, &c->err);
    json_decref(root);
    rc = rc == 0 ? record_show(&c->service->life, str_of(id.text), show, &s, &c->err) : rc;
    if (rc != 0) {
        return rc;
    }
    api_handover_add(c, s.record);
    return api_reply(c->reply, 201, s.record, &c->err);
}

int api_handover_code(struct call *c)
{
    struct handover_told told;
    const struct handover h = handover_of(c);
    int rc = handover_code(&h, &c->self, c->id, &told, &c->err);
    rc = rc == 0 ? api_reply(c->reply, 200, json_told(&told), &c->err) : rc;
    handover_told_wipe(&told);
    return rc;
}
