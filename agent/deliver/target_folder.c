#include "agent/deliver/target_folder.h"

#include <stdlib.h>
#include <string.h>

#include "agent/deliver/other_name.h"
#include "rules/util/memory.h"

struct target_folder {
    struct imap_session *session;
    target_folder_done *done;
    void *arg;
    char separator;
    char *prefix;  /* of the personal namespace, "" if none */
    char *asked;   /* the name wanted, with its prefix */
    char *name;    /* being selected, or selected: another one where that is refused */
    unsigned step; /* of other_name() */
    char *refusal; /* of CREATE, the first one */
    bool selected, missing;
    bool probing;             /* a folder that is deleted again */
    bool may_create, created; /* created: in this call, after its name was accepted */
    bool is_there;            /* says CREATE: somebody else made it meanwhile */
    bool listing, listed;     /* is it there, though SELECT was refused? */
    char *reason;
    uint32_t uidvalidity, uidnext, exists;
    bool any_keyword;
    char *permanent_flags;
};

struct target_folder *target_folder_new(struct imap_session *session)
{
    struct target_folder *folder = xcalloc(1, sizeof(*folder));

    folder->session = session;
    folder->prefix = xstrdup("");
    folder->permanent_flags = xstrdup("");
    return folder;
}

void target_folder_free(struct target_folder *folder)
{
    if (folder == NULL)
        return;
    free(folder->prefix);
    free(folder->asked);
    free(folder->name);
    free(folder->refusal);
    free(folder->reason);
    free(folder->permanent_flags);
    free(folder);
}

static void finish(struct target_folder *folder, const char *why)
{
    target_folder_done *done = folder->done;

    folder->done = NULL;
    if (done != NULL)
        done(folder->arg, why);
}

static void fail(struct target_folder *folder, const char *what, const char *reason)
{
    char *why = xasprintf("the folder %s cannot be %s: %s", folder->name, what, reason);

    finish(folder, why);
    free(why);
}

static bool ended(const struct imap_result *result)
{
    return result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT;
}

/* ---- separator and prefix ---- */

void target_folder_untagged(struct target_folder *folder, const struct imap_untagged *untagged)
{
    if (untagged->kind == IMAP_UNTAGGED_NAMESPACE && untagged->prefix != NULL) {
        free(folder->prefix);
        folder->prefix = xstrdup(untagged->prefix);
        folder->separator = untagged->delimiter;
    } else if (untagged->kind == IMAP_UNTAGGED_LIST && folder->separator == 0) {
        folder->separator = untagged->list.delimiter;
    }
    if (untagged->kind == IMAP_UNTAGGED_LIST && folder->listing)
        folder->listed = true;
}

static void on_learnt(void *arg, const struct imap_result *result)
{
    if (!ended(result))
        finish(arg, NULL);
}

void target_folder_learn(struct target_folder *folder, target_folder_done *done, void *arg)
{
    folder->done = done;
    folder->arg = arg;
    if (imap_session_has(folder->session, "NAMESPACE"))
        imap_namespace(folder->session, on_learnt, folder);
    else
        imap_list(folder->session, "INBOX", 0, on_learnt, folder);
}

char target_folder_separator(const struct target_folder *folder)
{
    return folder->separator;
}

/* ---- select, create ---- */

static void select_it(struct target_folder *folder);

static bool is_about_name(const struct imap_result *result)
{
    enum imap_code code = result->text != NULL ? result->text->code : IMAP_CODE_NONE;

    return code == IMAP_CODE_NONE || code == IMAP_CODE_OTHER || code == IMAP_CODE_CANNOT ||
           code == IMAP_CODE_SERVERBUG || code == IMAP_CODE_ALERT;
}

/* The next name that differs from the one before it. */
static char *next_name(struct target_folder *folder)
{
    size_t prefix = strlen(folder->prefix);
    char *name;

    if (strncmp(folder->asked, folder->prefix, prefix) != 0)
        prefix = 0;
    while ((name = other_name(folder->asked, prefix, folder->separator, ++folder->step,
                              folder->refusal)) != NULL &&
           strcmp(name, folder->name) == 0)
        free(name);
    return name;
}

static void refuse_name(struct target_folder *folder, const struct imap_result *result)
{
    char *name;

    if (folder->refusal == NULL)
        folder->refusal = xstrdup(result->reason);
    name = is_about_name(result) ? next_name(folder) : NULL;
    if (name == NULL) {
        free(folder->name);
        folder->name = xstrdup(folder->asked);
        fail(folder, "created", folder->refusal);
        return;
    }
    free(folder->name);
    folder->name = name;
    select_it(folder);
}

/* Another target, or another program, was faster. Servers that know no response codes say so in
 * words. */
static bool is_there_already(const struct imap_result *result)
{
    enum imap_code code = result->text != NULL ? result->text->code : IMAP_CODE_NONE;

    return result->kind == IMAP_RESULT_NO &&
           (code == IMAP_CODE_ALREADYEXISTS ||
            (is_about_name(result) && strcasestr(result->reason, "already exist") != NULL));
}

static void on_created(void *arg, const struct imap_result *result)
{
    struct target_folder *folder = arg;

    if (ended(result))
        return;
    if (is_there_already(result)) {
        folder->is_there = true;
        select_it(folder);
        return;
    }
    if (result->kind != IMAP_RESULT_OK) {
        refuse_name(folder, result);
        return;
    }
    folder->created = true;
    if (!folder->probing)
        imap_subscribe(folder->session, folder->name, NULL, NULL);
    select_it(folder);
}

static bool is_missing_code(const struct imap_result *result)
{
    return result->kind == IMAP_RESULT_NO && result->text != NULL &&
           (result->text->code == IMAP_CODE_NONEXISTENT ||
            result->text->code == IMAP_CODE_TRYCREATE);
}

static void on_listed(void *arg, const struct imap_result *result)
{
    struct target_folder *folder = arg;

    if (ended(result))
        return;
    folder->listing = false;
    folder->missing = result->kind == IMAP_RESULT_OK && !folder->listed;
    fail(folder, "selected", folder->reason);
}

/* A refusal of SELECT alone does not say that it is gone. */
static void look_for_it(struct target_folder *folder, const char *reason)
{
    free(folder->reason);
    folder->reason = xstrdup(reason);
    folder->listing = true;
    folder->listed = false;
    imap_list(folder->session, folder->name, 0, on_listed, folder);
}

static void on_selected(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    struct target_folder *folder = arg;

    if (ended(result))
        return;
    if (result->kind == IMAP_RESULT_OK) {
        folder->selected = true;
        folder->missing = false;
        folder->uidvalidity = mailbox->uidvalidity;
        folder->uidnext = mailbox->uidnext;
        folder->exists = mailbox->exists;
        folder->any_keyword = mailbox->keywords;
        free(folder->permanent_flags);
        folder->permanent_flags = xstrdup(mailbox->permanent_flags);
        finish(folder, NULL);
        return;
    }
    /* Many servers refuse a missing folder without a code: CREATE, or LIST, shows whether it was
     * missing. */
    bool creates = result->kind == IMAP_RESULT_NO && folder->may_create && !folder->is_there;

    folder->missing = is_missing_code(result) || creates;
    if (creates && !folder->created)
        imap_create(folder->session, folder->name, on_created, folder);
    else if (result->kind == IMAP_RESULT_NO && !folder->missing && !folder->may_create)
        look_for_it(folder, result->reason);
    else
        fail(folder, "selected", result->reason);
}

static void select_it(struct target_folder *folder)
{
    imap_select(folder->session, folder->name, on_selected, folder);
}

/* The name on the server: INBOX and names that have the prefix already are unchanged. */
static char *full_name(const struct target_folder *folder, const char *name)
{
    size_t len = strlen(folder->prefix);

    if (strncasecmp(name, "INBOX", 5) == 0 && (name[5] == '\0' || name[5] == folder->separator))
        return xstrdup(name);
    if (strncmp(name, folder->prefix, len) == 0)
        return xstrdup(name);
    return xasprintf("%s%s", folder->prefix, name);
}

void target_folder_select(struct target_folder *folder, const char *name, bool create,
                          target_folder_done *done, void *arg)
{
    char *full = full_name(folder, name);

    folder->done = done;
    folder->arg = arg;
    folder->may_create = create;
    folder->created = folder->is_there = false;
    folder->missing = false;
    if (folder->selected && strcmp(folder->asked, full) == 0) {
        free(full);
        finish(folder, NULL);
        return;
    }
    free(folder->asked);
    free(folder->name);
    free(folder->refusal);
    folder->asked = full;
    folder->name = xstrdup(full);
    folder->refusal = NULL;
    folder->step = 0;
    folder->selected = false;
    select_it(folder);
}

bool target_folder_is_selected(const struct target_folder *folder, const char *name)
{
    char *full = full_name(folder, name);
    bool selected = folder->selected && strcmp(folder->asked, full) == 0;

    free(full);
    return selected;
}

bool target_folder_is_missing(const struct target_folder *folder)
{
    return folder->missing;
}

const char *target_folder_name(const struct target_folder *folder)
{
    return folder->name;
}

uint32_t target_folder_uidvalidity(const struct target_folder *folder)
{
    return folder->uidvalidity;
}

uint32_t target_folder_exists(const struct target_folder *folder)
{
    return folder->exists;
}

uint32_t target_folder_uidnext(const struct target_folder *folder)
{
    return folder->uidnext;
}

bool target_folder_keyword(const struct target_folder *folder, const char *keyword)
{
    const char *found = strcasestr(folder->permanent_flags, keyword);

    return folder->any_keyword || found != NULL;
}

void target_folder_forget_keywords(struct target_folder *folder)
{
    folder->any_keyword = false;
    folder->permanent_flags[0] = '\0';
}

void target_folder_advance(struct target_folder *folder, uint32_t uid)
{
    if (folder->selected && uid < UINT32_MAX && uid >= folder->uidnext)
        folder->uidnext = uid + 1;
}

void target_folder_forget(struct target_folder *folder)
{
    folder->selected = false;
}

bool target_folder_was_created(const struct target_folder *folder)
{
    return folder->created;
}

void target_folder_probe(struct target_folder *folder, const char *name, target_folder_done *done,
                         void *arg)
{
    folder->probing = true;
    target_folder_select(folder, name, true, done, arg);
}
