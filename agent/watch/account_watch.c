#include "agent/watch/account_watch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config/same.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

struct account_watch {
    struct context *context;
    const struct account *account;
    struct watch *main;
    struct watch *others[LIMIT_IDLE_SESSIONS];
    size_t n_others;
    size_t others_max;       /* less when the server accepts no more */
    struct event *refusal;   /* one of the others was refused: handled outside of its callback */
    struct folder_list list; /* as listed last; choice is made of it */
    struct folder_choice *choice;
    bool had_sent; /* a folder of sent mail */
    bool is_known; /* all that is configured was opened before; valid once the ledger was asked */
    struct ledger_pattern *patterns; /* likewise: since when it is configured */
    size_t n_patterns;
    bool was_asked;  /* the ledger */
    bool is_settled; /* context->settled() was called */
    struct ledger_request *opening;
};

static void on_watching(void *arg);
static void settle(struct account_watch *watch);

static void on_other_down(void *arg, bool refused)
{
    struct account_watch *watch = arg;

    settle(watch);
    if (refused)
        event_active(watch->refusal, EV_TIMEOUT, 0);
}

static void on_other_listing(void *arg, const struct folder_list *list)
{
    (void)arg;
    (void)list;
}

static const struct watch_events other_events = {
    .listing = on_other_listing,
    .watching = on_watching,
    .down = on_other_down,
};

/* How many folders get a session of their own in addition to the main one. */
static size_t others_wanted(const struct account_watch *watch)
{
    size_t n = watch->choice->count > 0 ? watch->choice->count - 1 : 0;

    if (watch_mode(watch->main) != WATCH_MODE_IDLE)
        return 0;
    return n < watch->others_max ? n : watch->others_max;
}

static const struct ledger_pattern *find_pattern(const struct account_watch *watch,
                                                 const char *name)
{
    for (size_t i = 0; i < watch->n_patterns; i++)
        if (strcmp(watch->patterns[i].name, name) == 0)
            return &watch->patterns[i];
    return NULL;
}

/* What names a folder, or did: it is fresh if all of that is, and wanted since the first was. */
static void date_by(struct chosen_folder *folder, bool baselined, time_t since, bool is_first)
{
    folder->fresh = (is_first || folder->fresh) && !baselined;
    folder->since = is_first || since < folder->since ? since : folder->since;
}

static void date_folder(const struct account_watch *watch, struct chosen_folder *folder)
{
    bool is_first = true;

    for (char **name = folder->by; *name != NULL; name++) {
        const struct ledger_pattern *pattern = find_pattern(watch, *name);

        date_by(folder, pattern != NULL ? pattern->baselined : watch->is_known,
                pattern != NULL ? pattern->since : 0, is_first);
        is_first = false;
    }
    for (size_t i = 0; i < watch->n_patterns; i++) {
        const struct ledger_pattern *pattern = &watch->patterns[i];

        if (!pattern->former || !folder_list_names(&watch->list, folder->listed, pattern->name))
            continue;
        date_by(folder, pattern->baselined, pattern->since, is_first);
        is_first = false;
    }
}

/* Folder 0 and all beyond the other watches' belong to the main watch. */
static void assign_folders(struct account_watch *watch)
{
    const struct folder_choice *choice = watch->choice;
    size_t wanted = others_wanted(watch);
    struct chosen_folder *for_main = xcalloc(choice->count, sizeof(*for_main));
    size_t n = 0;

    for (size_t i = 0; i < choice->count; i++)
        date_folder(watch, &choice->folders[i]);
    for (size_t i = 0; i < choice->count; i++)
        if (i == 0 || i > wanted)
            for_main[n++] = choice->folders[i];
    while (watch->n_others > wanted)
        watch_free(watch->others[--watch->n_others]);
    while (watch->n_others < wanted) {
        watch->others[watch->n_others] =
            watch_new(watch->context, &watch->account, false, &other_events, watch);
        watch->n_others++;
    }
    for (size_t i = 0; i < watch->n_others; i++)
        watch_set_folders(watch->others[i], &choice->folders[i + 1], 1);
    watch_set_folders(watch->main, for_main, n);
    free(for_main);
}

static void on_refusal(evutil_socket_t fd, short what, void *arg)
{
    struct account_watch *watch = arg;

    (void)fd;
    (void)what;
    if (watch->n_others == 0)
        return;
    log_event(LOG_LEVEL_WARNING, "sessions-limited", "account", watch->account->name, "sessions",
              log_number((long long)watch->n_others), "action", "the other folders are polled",
              (char *)NULL);
    watch->others_max = watch->n_others - 1;
    assign_folders(watch);
}

static void forget_patterns(struct account_watch *watch)
{
    for (size_t i = 0; i < watch->n_patterns; i++)
        free(watch->patterns[i].name);
    free(watch->patterns);
    watch->patterns = NULL;
    watch->n_patterns = 0;
}

static void on_account_opened(void *arg, const struct ledger_account *account)
{
    struct account_watch *watch = arg;

    watch->opening = NULL;
    watch->is_known = account->known;
    watch->was_asked = true;
    forget_patterns(watch);
    watch->patterns = xcalloc(account->n_patterns, sizeof(*watch->patterns));
    watch->n_patterns = account->n_patterns;
    for (size_t i = 0; i < account->n_patterns; i++) {
        watch->patterns[i] = account->patterns[i];
        watch->patterns[i].name = xstrdup(account->patterns[i].name);
    }
    assign_folders(watch);
}

static void log_missing(const struct account_watch *watch)
{
    for (char **missing = watch->choice->missing; *missing != NULL; missing++)
        log_event(LOG_LEVEL_WARNING, "folder-missing", "account", watch->account->name, "folder",
                  *missing, (char *)NULL);
}

static bool same_missing(const struct folder_choice *a, const struct folder_choice *b)
{
    size_t i;

    if (a == NULL)
        return false;
    for (i = 0; a->missing[i] != NULL && b->missing[i] != NULL; i++)
        if (strcmp(a->missing[i], b->missing[i]) != 0)
            return false;
    return a->missing[i] == b->missing[i];
}

static void on_listing(void *arg, const struct folder_list *list)
{
    struct account_watch *watch = arg;
    struct folder_choice *before = watch->choice;

    folder_list_clear(&watch->list);
    watch->list = folder_list_copy(list);
    watch->choice = folder_list_choose(&watch->list, watch->account->folders);
    for (size_t i = 0; i < watch->choice->count; i++)
        watch->had_sent = watch->had_sent || watch->choice->folders[i].role == FOLDER_SENT;
    if (!same_missing(before, watch->choice))
        log_missing(watch);
    folder_choice_free(before);
    if (watch->was_asked) {
        assign_folders(watch);
        return;
    }
    if (watch->opening != NULL)
        return;
    watch->opening =
        ledger_account_open(watch->context->ledger, watch->account->name, on_account_opened, watch);
}

static void settle(struct account_watch *watch)
{
    if (watch->is_settled)
        return;
    watch->is_settled = true;
    watch->context->settled(watch->context->arg);
}

/* A folder that the server refuses does not count: else its owner could keep all that come later
 * from being taken for new ones. */
static bool all_opened(const struct account_watch *watch)
{
    for (size_t w = 0; w < account_watch_count(watch); w++) {
        const struct watch *one = account_watch_nth(watch, w);

        for (size_t i = 0; i < watch_folder_count(one); i++)
            if (watch_folder(one, i)->ledger_id == 0 && !watch_folder(one, i)->refused)
                return false;
    }
    return true;
}

/* From now on a folder that appears is one that its owner has made. */
static void end_baseline(struct account_watch *watch)
{
    const struct folder_choice *choice = watch->choice;
    char **names = xcalloc(choice->count + 1, sizeof(*names));

    for (size_t i = 0; i < choice->count; i++)
        names[i] = choice->folders[i].name;
    watch->is_known = true;
    for (size_t i = 0; i < watch->n_patterns; i++)
        watch->patterns[i].baselined = true;
    ledger_account_baselined(watch->context->ledger, watch->account->name, names);
    free(names);
    assign_folders(watch);
}

static void on_watching(void *arg)
{
    struct account_watch *watch = arg;

    if (!watch->was_asked || !all_opened(watch))
        return;
    settle(watch);
    if (!watch->is_known)
        end_baseline(watch);
}

static void on_main_down(void *arg, bool refused)
{
    (void)refused;
    settle(arg);
}

struct account_watch *account_watch_new(struct context *context, const struct account *account)
{
    static const struct watch_events events = {
        .listing = on_listing,
        .watching = on_watching,
        .down = on_main_down,
    };
    struct account_watch *watch = xcalloc(1, sizeof(*watch));

    watch->context = context;
    watch->account = account;
    watch->others_max = LIMIT_IDLE_SESSIONS - 1;
    watch->refusal = evtimer_new(context->base, on_refusal, watch);
    watch->main = watch_new(context, &watch->account, true, &events, watch);
    return watch;
}

void account_watch_free(struct account_watch *watch)
{
    if (watch == NULL)
        return;
    ledger_cancel(watch->opening);
    forget_patterns(watch);
    while (watch->n_others > 0)
        watch_free(watch->others[--watch->n_others]);
    watch_free(watch->main);
    event_free(watch->refusal);
    folder_choice_free(watch->choice);
    folder_list_clear(&watch->list);
    free(watch);
}

const struct account *account_watch_account(const struct account_watch *watch)
{
    return watch->account;
}

bool account_watch_update(struct account_watch *watch, const struct account *account)
{
    const struct account *old = watch->account;

    if (!same_login(old->server, old->login, &old->secret, account->server, account->login,
                    &account->secret))
        return false;
    watch->account = account;
    /* The ledger knows of another configuration now. */
    ledger_cancel(watch->opening);
    watch->opening = NULL;
    watch->was_asked = false;
    watch_wake(watch->main);
    return true;
}

size_t account_watch_count(const struct account_watch *watch)
{
    return 1 + watch->n_others;
}

const struct watch *account_watch_nth(const struct account_watch *watch, size_t i)
{
    return i == 0 ? watch->main : watch->others[i - 1];
}

char *const *account_watch_missing(const struct account_watch *watch)
{
    static char *const none[] = {NULL};

    return watch->choice != NULL ? watch->choice->missing : none;
}

bool account_watch_misses(const struct account_watch *watch, const char *missing)
{
    return strcasecmp(missing, "\\Sent") != 0 || watch->had_sent;
}
