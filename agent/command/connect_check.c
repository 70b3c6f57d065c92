#include "agent/command/connect_check.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "agent/config/folder_pattern.h"
#include "agent/deliver/target_folder.h"
#include "agent/session/folder_list.h"
#include "agent/session/link.h"
#include "agent/system/loop.h"
#include "agent/util/screen.h"
#include "rules/util/memory.h"

enum { OFFERS_WIDTH = 78, FOLDERS_NAMED = 20 };

/* The capabilities of a server are shown once; again only where they differ for a login. */
struct shown {
    const struct server *server;
    char *offers;
};

struct checking {
    struct event_base *base;
    struct links *links;
    const struct config *config;
    FILE *out;
    struct shown *shown;
    size_t n_shown;
    size_t left, total, wrong;
};

/* One account or target. */
struct subject {
    struct checking *checking;
    const struct account *account; /* NULL: a target */
    const struct target *target;
    struct link *link;
    struct folder_list list;
    struct target_folder *folder; /* of a target */
    bool done;
};

static void progress(const struct checking *checking)
{
    /* On a terminal the output itself shows the progress. */
    if (isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO))
        fprintf(stderr, "\r%zu of %zu checked%s", checking->total - checking->left, checking->total,
                checking->left == 0 ? "\n" : " ");
}

static void name_subject(const struct subject *subject)
{
    FILE *out = subject->checking->out;

    if (subject->account != NULL)
        fprintf(out, "account %s <%s>", subject->account->name, subject->account->address);
    else
        fprintf(out, "target %s", subject->target->name);
}

static void end(struct subject *subject, bool wrong)
{
    struct checking *checking = subject->checking;

    if (subject->done)
        return;
    subject->done = true;
    checking->wrong += wrong;
    checking->left--;
    progress(checking);
    if (subject->link != NULL && link_session(subject->link) != NULL)
        imap_session_logout(link_session(subject->link));
    else if (checking->left == 0)
        event_base_loopbreak(checking->base);
}

static const char *yes_no(struct imap_session *session, const char *capability)
{
    return imap_session_has(session, capability) ? "yes" : "no";
}

static const struct server *server_of(const struct subject *subject)
{
    return subject->account != NULL ? subject->account->server : subject->target->server;
}

static bool was_shown(struct checking *checking, const struct server *server, const char *offers)
{
    size_t i = 0;

    while (i < checking->n_shown && checking->shown[i].server != server)
        i++;
    if (i < checking->n_shown && strcmp(checking->shown[i].offers, offers) == 0)
        return true;
    if (i == checking->n_shown)
        checking->shown[checking->n_shown++] = (struct shown){.server = server};
    free(checking->shown[i].offers);
    checking->shown[i].offers = xstrdup(offers);
    return false;
}

static void print_offers(FILE *out, const struct server *server, const char *offers)
{
    int column = fprintf(out, "  server %s offers:", server->name);

    while (*offers != '\0') {
        int len = (int)strcspn(offers, " ");

        if (column + 1 + len > OFFERS_WIDTH)
            column = fprintf(out, "\n   ") - 1;
        column += fprintf(out, " %.*s", len, offers);
        offers += len;
        offers += strspn(offers, " ");
    }
    fputc('\n', out);
}

static void print_server(const struct subject *subject, struct imap_session *session)
{
    FILE *out = subject->checking->out;
    const char *tls = imap_session_tls_version(session);
    const char *id = imap_session_server_id(session);

    name_subject(subject);
    fprintf(out, ": logged in, %s%s%s\n", *tls != '\0' ? tls : "without TLS",
            *id != '\0' ? ", " : "", id);
    if (!was_shown(subject->checking, server_of(subject), imap_session_capabilities(session)))
        print_offers(out, server_of(subject), imap_session_capabilities(session));
}

/* ---- the folder of a target ---- */

/* What delivery would do: a folder of the pattern's form is created, and deleted again. */
static void on_deleted(void *arg, const struct imap_result *result)
{
    struct subject *subject = arg;
    FILE *out = subject->checking->out;
    bool ok = result->kind == IMAP_RESULT_OK;

    if (link_session(subject->link) == NULL) /* on_closed reports it */
        return;
    if (ok)
        fprintf(out, "  as a test, the folder \"%s\" was created and deleted\n",
                target_folder_name(subject->folder));
    else
        fprintf(out, "  ERROR: the folder \"%s\", created as a test, cannot be deleted: %s\n",
                target_folder_name(subject->folder), result->reason);
    end(subject, !ok);
}

static void on_probed(void *arg, const char *why)
{
    struct subject *subject = arg;
    struct imap_session *session = link_session(subject->link);

    if (session == NULL)
        return;
    if (why != NULL) {
        fprintf(subject->checking->out, "  ERROR: as a test, %s\n", why);
        end(subject, true);
    } else if (!target_folder_was_created(subject->folder)) {
        fprintf(subject->checking->out, "  no test: the folder \"%s\" exists\n",
                target_folder_name(subject->folder));
        end(subject, false);
    } else {
        imap_unselect(session, NULL, NULL);
        imap_delete(session, target_folder_name(subject->folder), on_deleted, subject);
    }
}

/* As the pattern makes it for a copy of today, of some account. */
static char *sample_folder(const struct subject *subject)
{
    const struct config *config = subject->checking->config;
    const struct account *account = config->n_accounts > 0 ? config->accounts[0] : NULL;
    const char *at = account != NULL ? strchr(account->address, '@') : NULL;
    struct folder_words words = {
        .user = account != NULL ? account->name : "user",
        .direction = "incoming",
        .rule = config->rules->count > 0 ? config->rules->rules[0].name : "rule",
        .domain = at != NULL ? at + 1 : "example.org",
    };

    return folder_name_make(subject->target->folder, time(NULL), &words,
                            target_folder_separator(subject->folder));
}

static void on_existing(void *arg, const char *why)
{
    struct subject *subject = arg;
    FILE *out = subject->checking->out;
    char *name, *test;

    if (link_session(subject->link) == NULL)
        return;
    if (why == NULL && strchr(subject->target->folder, '%') == NULL) {
        fprintf(out, "  copies go to folder \"%s\", which exists\n",
                target_folder_name(subject->folder));
        end(subject, false);
        return;
    }
    fprintf(out, "  copies go to folder \"%s\", created if missing\n", subject->target->folder);
    name = sample_folder(subject);
    test = xasprintf("%s-mailvigil-check-%ld", name, (long)getpid());
    target_folder_probe(subject->folder, test, on_probed, subject);
    free(test);
    free(name);
}

static void on_separator(void *arg, const char *why)
{
    struct subject *subject = arg;
    char *name;

    (void)why;
    if (link_session(subject->link) == NULL)
        return;
    name = sample_folder(subject);
    target_folder_select(subject->folder, name, false, on_existing, subject);
    free(name);
}

static void print_target(struct subject *subject, struct imap_session *session)
{
    FILE *out = subject->checking->out;
    uint64_t limit = imap_session_append_limit(session);

    fprintf(out, "  copies are stored %s; UIDs are %s\n",
            imap_session_has(session, "MULTIAPPEND") ? "in batches (MULTIAPPEND)" : "one by one",
            imap_session_has(session, "UIDPLUS") ? "reported by the server (UIDPLUS)"
                                                 : "searched for after each batch (no UIDPLUS)");
    fprintf(out, "  literals: LITERAL+ %s, LITERAL- %s", yes_no(session, "LITERAL+"),
            yes_no(session, "LITERAL-"));
    if (limit > 0)
        fprintf(out, "; messages over %llu bytes are rejected", (unsigned long long)limit);
    fputc('\n', out);
    subject->folder = target_folder_new(session);
    target_folder_learn(subject->folder, on_separator, subject);
}

static const char *waiting_method(struct imap_session *session)
{
    if (imap_session_has(session, "NOTIFY"))
        return "NOTIFY, one session for all folders";
    if (imap_session_has(session, "IDLE"))
        return "IDLE, one session per folder";
    return "polling";
}

static void print_name(FILE *out, bool again, const char *name)
{
    fputs(again ? ", \"" : " \"", out);
    screen_text(out, name);
    fputc('"', out);
}

/* Helps to correct a name. */
static void print_existing(const struct folder_list *list, FILE *out)
{
    fprintf(out, "  the server has:");
    for (size_t i = 0; i < list->count && i < FOLDERS_NAMED; i++)
        print_name(out, i > 0, list->folders[i].name);
    if (list->count > FOLDERS_NAMED)
        fprintf(out, " and %zu more", list->count - FOLDERS_NAMED);
    fprintf(out, "%s\n", list->count == 0 ? " none" : "");
}

static void print_left_out(const struct folder_choice *choice, FILE *out)
{
    if (*choice->left_out == NULL)
        return;
    fprintf(out, "  left out by \"*\":");
    for (char **name = choice->left_out; *name != NULL; name++)
        fprintf(out, "%s \"%s\"", name > choice->left_out ? "," : "", *name);
    fprintf(out, " (\"**\" watches them too)\n");
}

static void print_folders(struct subject *subject)
{
    FILE *out = subject->checking->out;
    struct folder_choice *choice = folder_list_choose(&subject->list, subject->account->folders);
    bool wrong = *choice->missing != NULL || choice->count == 0;

    fprintf(out, "  folders watched:");
    for (size_t i = 0; i < choice->count; i++) {
        print_name(out, i > 0, choice->folders[i].name);
        fputs(choice->folders[i].role == FOLDER_SENT ? " (Sent)" : "", out);
    }
    fprintf(out, "%s\n", choice->count == 0 ? " none" : "");
    print_left_out(choice, out);
    for (char **missing = choice->missing; *missing != NULL; missing++)
        fprintf(out,
                "  MISSING: the server has no folder for \"%s\"; it will be watched as soon as "
                "it exists\n",
                *missing);
    if (wrong)
        print_existing(&subject->list, out);
    folder_choice_free(choice);
    end(subject, wrong);
}

static void on_listed(void *arg, const struct imap_result *result)
{
    struct subject *subject = arg;
    struct imap_session *session = link_session(subject->link);

    if (session == NULL) /* on_closed reports it */
        return;
    print_server(subject, session);
    fprintf(subject->checking->out, "  new mail by %s; changes by %s\n", waiting_method(session),
            imap_session_has(session, "QRESYNC") ? "QRESYNC (expunges are reported)"
                                                 : "comparison (expunges are inferred)");
    if (result->kind == IMAP_RESULT_OK) {
        print_folders(subject);
        return;
    }
    fprintf(subject->checking->out, "  ERROR: cannot list the folders: %s\n", result->reason);
    end(subject, true);
}

static void on_ready(void *arg)
{
    struct subject *subject = arg;
    struct imap_session *session = link_session(subject->link);

    if (subject->target != NULL) {
        print_server(subject, session);
        print_target(subject, session);
        return;
    }
    if (!subject->account->watch) {
        print_server(subject, session);
        fprintf(subject->checking->out, "  not watched: used by probes only\n");
        end(subject, false);
        return;
    }
    if (imap_session_has(session, "NAMESPACE"))
        imap_namespace(session, NULL, NULL);
    imap_list(session, "*", 0, on_listed, subject);
}

/* What in the configuration is the likely cause; NULL: no idea. */
static const char *hint(const struct server *server, const struct imap_failure *failure)
{
    bool starttls = server->imap.security == SECURITY_STARTTLS;

    if (failure->kind == IMAP_FAILURE_TLS && strstr(failure->reason, "unknown CA") != NULL)
        return server->ca_file == NULL
                   ? "for a private CA, set ca_file of the server to its certificate"
                   : "ca_file of the server must contain the CA that issued it";
    if (failure->kind == IMAP_FAILURE_TLS && strstr(failure->reason, "not valid for") != NULL)
        return "imap of the server must use the name in its certificate";
    if (failure->kind == IMAP_FAILURE_TLS && strstr(failure->reason, "not speak TLS") != NULL)
        return "use imap:// for a port with STARTTLS";
    if (failure->kind == IMAP_FAILURE_TIMEOUT && failure->phase == IMAP_PHASE_GREETING && starttls)
        return "use imaps:// for a port with implicit TLS";
    return NULL;
}

static void print_failure(const struct subject *subject, const struct imap_failure *failure)
{
    FILE *out = subject->checking->out;
    const char *advice = hint(server_of(subject), failure);

    name_subject(subject);
    fprintf(out, "\n  ERROR: %s\n", failure->reason);
    if (advice != NULL)
        fprintf(out, "  (%s)\n", advice);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    struct subject *subject = arg;

    if (!subject->done) {
        print_failure(subject, failure);
        link_free(subject->link);
        subject->link = NULL;
        end(subject, true);
    } else if (subject->checking->left == 0) {
        event_base_loopbreak(subject->checking->base);
    }
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct subject *subject = arg;

    folder_list_add_untagged(&subject->list, untagged);
    if (subject->folder != NULL)
        target_folder_untagged(subject->folder, untagged);
}

static void begin(struct subject *subject)
{
    static const struct imap_events events = {
        .on_ready = on_ready, .on_closed = on_closed, .on_untagged = on_untagged};
    struct link_login login = {0};

    if (subject->account != NULL) {
        login.server = subject->account->server;
        login.login = subject->account->login;
        login.secret = &subject->account->secret;
    } else {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a subject is one or the other */
        login.server = subject->target->server;
        login.login = subject->target->login;
        login.secret = &subject->target->secret;
    }
    subject->link = link_new(subject->checking->links, &login, &events, subject);
}

static void print_summary(const struct checking *checking)
{
    if (checking->wrong == 0)
        fprintf(checking->out, "\n%zu checked, no problems found\n", checking->total);
    else
        fprintf(checking->out, "\n%zu checked, %zu problem%s\n", checking->total, checking->wrong,
                checking->wrong == 1 ? "" : "s");
}

static void forget_shown(struct checking *checking)
{
    for (size_t i = 0; i < checking->n_shown; i++)
        free(checking->shown[i].offers);
    free(checking->shown);
}

int connect_check(const struct config *config, FILE *out)
{
    struct checking checking = {.base = event_base_new(), .config = config, .out = out};
    struct subject *subjects = xcalloc(config->n_accounts + config->n_targets, sizeof(*subjects));
    size_t n = 0;

    checking.shown = xcalloc(config->n_servers, sizeof(*checking.shown));
    checking.links = links_new(checking.base);
    for (size_t i = 0; i < config->n_accounts; i++) {
        /* Only accounts for probes may have no IMAP: `mailvigil probe` checks them. */
        if (config->accounts[i]->server->imap.set)
            subjects[n++].account = config->accounts[i];
    }
    for (size_t i = 0; i < config->n_targets; i++)
        subjects[n++].target = config->targets[i];
    checking.left = checking.total = n;
    for (size_t i = 0; i < n; i++) {
        subjects[i].checking = &checking;
        begin(&subjects[i]);
    }
    if (n > 0)
        event_base_dispatch(checking.base);
    print_summary(&checking);
    for (size_t i = 0; i < n; i++) {
        link_free(subjects[i].link);
        target_folder_free(subjects[i].folder);
        folder_list_clear(&subjects[i].list);
    }
    free(subjects);
    forget_shown(&checking);
    links_free(checking.links);
    loop_free(checking.base);
    return checking.wrong > 0 ? 1 : 0;
}
