/* Owns: the words in which codes and passwords are shown. They go to standard output alone. */
#include "cli/request_handover.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
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
    struct people *people = NULL;
    struct handover_told told;
    int rc = people_open(&h->open->loaded.conf->users, &people, e);
    if (rc != 0) {
        return rc;
    }
    const struct handover with = {&h->open->life, people};
    rc = handover_code(&with, h->self, id, &told, e);
    if (rc == 0) {
        print_told(&told);
    }
    handover_told_wipe(&told);
    people_close(people);
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
    struct people *people = NULL;
    struct life_id id;
    enum life_state state = LIFE_PENDING;
    int rc = people_open(&h->open->loaded.conf->users, &people, e);
    if (rc != 0) {
        return rc;
    }
    const struct handover with = {&h->open->life, people};
    rc = handover_register(&with, h->self, p, &id, e);
    people_close(people);
    rc = rc == 0 ? record_show(&h->open->life, str_of(id.text), note_state, &state, e) : rc;
    if (rc == 0 && state == LIFE_APPROVED) {
        return request_handover_code(h, str_of(id.text), e);
    }
    if (rc == 0) {
        (void)printf("%s\n", id.text);
    }
    return rc;
}
