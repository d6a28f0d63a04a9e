/* countersign user disable, enable, del: the store first, then what is withdrawn. A user who is
 * disabled in the store alone is refused at the next request; one in the deny list also loses what
 * is open. */
#include <stdio.h>
#include <string.h>

#include "auth/revoke/deny.h"
#include "auth/store/user.h"
#include "auth/withdrawal.h"
#include "cli/user_request.h"
#include "cli/withdraw.h"

/* The name as the store has it: that is the one to withdraw, however it was typed. Returns 0, or a
 * negative err_code with e. */
static int stored_name(const struct user_request *r, char name[USER_NAME_MAX + 1], struct err *e)
{
    struct user *user = NULL;
    int rc = store_find(r->store, str_of(r->name), &user, e);
    if (rc == 0 && user->name.n > USER_NAME_MAX) {
        rc = err_set(e, ERR_MALFORMED, "the name in the store is too long");
    }
    if (rc == 0) {
        memcpy(name, user->name.p, user->name.n);
        name[user->name.n] = '\0';
    }
    user_unref(user);
    return rc;
}

static int change_store(const struct user_request *r, enum store_change what,
                        char name[USER_NAME_MAX + 1])
{
    struct err e = {0};
    int rc = stored_name(r, name, &e);
    rc = rc == 0 ? user_change(r, what, STR_NONE, &e) : rc;
    return rc == 0 ? 0 : user_complain(&e);
}

/* True if the change is one for the deny list too. */
static bool has_list(const struct user_request *r)
{
    return r->loaded.conf != NULL && r->loaded.conf->revocation.deny.n > 0;
}

/* Change the store by what, then withdraw the user for reason. done: what the store says now. */
static int shut_out(const struct user_request *r, enum store_change what, enum deny_reason reason,
                    const char *done)
{
    char name[USER_NAME_MAX + 1];
    int status = change_store(r, what, name);
    if (status != 0) {
        return status;
    }
    if (!has_list(r)) {
        if (r->loaded.conf != NULL) {
            (void)fputs("countersign user: connections that are open stay until their next request "
                        "is refused: to end them at once, set revocation.deny\n",
                        stderr);
        }
        return 0;
    }
    status = withdraw_user("user", r->loaded.conf, name, reason);
    if (status != 0) {
        (void)fprintf(stderr,
                      "countersign user: %s is %s, but not withdrawn everywhere: try countersign "
                      "cert withdraw --user\n",
                      name, done);
    }
    return status;
}

int user_disable(const struct user_request *r)
{
    return shut_out(r, STORE_SET, DENY_PRIVILEGE_WITHDRAWN, "disabled in the store");
}

int user_delete(const struct user_request *r)
{
    return shut_out(r, STORE_DELETE, DENY_CESSATION_OF_OPERATION, "no longer in the store");
}

int user_enable(const struct user_request *r)
{
    char name[USER_NAME_MAX + 1];
    int status = change_store(r, STORE_SET, name);
    if (status != 0 || !has_list(r)) {
        return status;
    }
    status = withdraw_user_back("user", r->loaded.conf, name, false);
    if (status != 0) {
        (void)fprintf(stderr,
                      "countersign user: %s is enabled in the store, but may still be withdrawn: "
                      "see countersign cert ls\n",
                      name);
    }
    return status;
}

void user_tell_withdrawn(const struct user_request *r)
{
    struct diags *diags = has_list(r) ? diags_new() : NULL;
    struct deny *deny =
        diags != NULL ? withdrawal_load(r->loaded.conf, NULL, r->loaded.files, diags) : NULL;
    if (deny != NULL && withdrawal_of_user(deny, str_of(r->name)) != REASON_OK) {
        (void)fprintf(stderr,
                      "countersign user: %s is withdrawn and gets in nowhere until countersign "
                      "user enable\n",
                      r->name);
    }
    deny_free(deny);
    diags_free(diags);
}
