/* Owns: the words in which codes and passwords are shown. They go to standard output alone. */
#include "cli/request_handover.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ca/outbox.h"
#include "ca/records.h"

static void print_told(const struct handover_told *told)
{
    char ends[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(told->ends_ms, ends);
    memcpy(ends + 19, "Z", 2); /* to the second */
    (void)printf("request      %s\n", told->id.text);
    if (told->link[0] != '\0') {
        (void)printf("link         %s\n", told->link);
    }
    if (told->code[0] != '\0') {
        (void)printf("code         %s\n", told->code);
    }
    (void)printf("good until   %s\n", ends);
    if (told->password[0] != '\0') {
        (void)printf("password     %s\n", told->password);
    }
    (void)fflush(stdout);
    (void)fputs(told->code[0] != '\0' && told->password[0] != '\0'
                    ? "Tell the code and the file's password by two ways; neither is shown again.\n"
                    : "",
                stderr);
}

int request_handover_code(const struct request_handover *h, struct str id, struct err *e)
{
    struct handover_told told;
    struct handover with = {&h->open->life, NULL};
    int rc = notify_open(&h->open->life, NULL, false, &with.notify, e);
    rc = rc == 0 ? handover_code(&with, h->self, id, &told, e) : rc;
    if (rc == 0) {
        print_told(&told);
        rc = notify_wait(with.notify, e);
        handover_told_wipe(&told);
    }
    notify_close(with.notify);
    return rc;
}

static bool note_state(void *arg, const struct record *r)
{
    *(enum life_state *)arg = r->state;
    return true;
}

int request_handover_register(const struct request_handover *h, const struct handover_person *p,
                              struct err *e)
{
    struct life_id id;
    enum life_state state = LIFE_PENDING;
    const struct handover with = {&h->open->life, NULL};
    int rc = handover_register(&with, h->self, p, &id, e);
    rc = rc == 0 ? record_show(&h->open->life, str_of(id.text), note_state, &state, e) : rc;
    if (rc == 0 && state == LIFE_APPROVED) {
        return request_handover_code(h, str_of(id.text), e);
    }
    if (rc == 0) {
        (void)printf("%s\n", id.text);
    }
    return rc;
}

static bool print_message(void *arg, const struct outbox_shown *s)
{
    char at[CLOCK_RFC3339_LEN + 1];
    int64_t ms = s->sent_ms > 0 ? s->sent_ms : s->failed_ms > 0 ? s->failed_ms : s->made_ms;
    (void)arg;
    clock_rfc3339(ms, at);
    memcpy(at + 19, "Z", 2); /* to the second */
    (void)printf("message      %s: %s%s%s%.*s\n", message_name(s->kind),
                 s->sent_ms > 0     ? "sent "
                 : s->failed_ms > 0 ? "given up "
                                    : "waits",
                 s->sent_ms > 0 || s->failed_ms > 0 ? at : "", s->error.n > 0 ? ", " : "",
                 STR_ARG(s->error));
    return true;
}

int request_handover_messages(const struct life *l, struct str id, struct err *e)
{
    return outbox_each(l, id, print_message, NULL, e);
}
