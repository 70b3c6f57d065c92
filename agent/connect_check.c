#include "agent/connect_check.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "agent/folder_list.h"
#include "agent/link.h"
#include "rules/memory.h"

struct checking {
    struct event_base *base;
    struct links *links;
    FILE *out;
    size_t left, total, wrong;
};

/* One account or target. */
struct subject {
    struct checking *checking;
    const struct account *account; /* NULL: a target */
    const struct target *target;
    struct link *link;
    struct folder_list list;
    bool done;
};

static void progress(const struct checking *checking)
{
    if (isatty(STDERR_FILENO))
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

static void print_server(const struct subject *subject, struct imap_session *session)
{
    FILE *out = subject->checking->out;
    const char *tls = imap_session_tls_version(session);
    const char *id = imap_session_server_id(session);

    name_subject(subject);
    fprintf(out, ": signed in, %s%s%s\n", *tls != '\0' ? tls : "without TLS",
            *id != '\0' ? ", " : "", id);
    fprintf(out, "  offers: %s\n", imap_session_capabilities(session));
}

static void print_target(struct subject *subject, struct imap_session *session)
{
    FILE *out = subject->checking->out;
    uint64_t limit = imap_session_append_limit(session);

    fprintf(out, "  copies are stored %s; UIDs are %s\n",
            imap_session_has(session, "MULTIAPPEND") ? "in batches (MULTIAPPEND)" : "one by one",
            imap_session_has(session, "UIDPLUS") ? "told by the server (UIDPLUS)"
                                                 : "looked for after each batch (no UIDPLUS)");
    fprintf(out, "  literals: LITERAL+ %s, LITERAL- %s", yes_no(session, "LITERAL+"),
            yes_no(session, "LITERAL-"));
    if (limit > 0)
        fprintf(out, "; messages over %llu octets are refused", (unsigned long long)limit);
    fputc('\n', out);
    end(subject, false);
}

static const char *waiting_method(struct imap_session *session)
{
    if (imap_session_has(session, "NOTIFY"))
        return "NOTIFY, one session for all folders";
    if (imap_session_has(session, "IDLE"))
        return "IDLE, one session a folder";
    return "polling";
}

static void print_folders(struct subject *subject)
{
    FILE *out = subject->checking->out;
    struct folder_choice *choice = folder_list_choose(&subject->list, subject->account->folders);
    bool wrong = *choice->missing != NULL || choice->count == 0;

    fprintf(out, "  folders watched:");
    for (size_t i = 0; i < choice->count; i++)
        fprintf(out, "%s \"%s\"%s", i > 0 ? "," : "", choice->folders[i].name,
                choice->folders[i].role == FOLDER_SENT ? " (Sent)" : "");
    fprintf(out, "%s\n", choice->count == 0 ? " none" : "");
    for (char **missing = choice->missing; *missing != NULL; missing++)
        fprintf(out,
                "  MISSING: the server has no folder for \"%s\"; it is watched as soon as it "
                "exists\n",
                *missing);
    folder_choice_free(choice);
    end(subject, wrong);
}

static void on_listed(void *arg, const struct imap_result *result)
{
    struct subject *subject = arg;

    if (result->kind == IMAP_RESULT_OK) {
        print_folders(subject);
        return;
    }
    fprintf(subject->checking->out, "  WRONG: the folders cannot be listed: %s\n", result->reason);
    end(subject, true);
}

static void on_ready(void *arg)
{
    struct subject *subject = arg;
    struct imap_session *session = link_session(subject->link);

    print_server(subject, session);
    if (subject->target != NULL) {
        print_target(subject, session);
        return;
    }
    fprintf(subject->checking->out, "  news by %s; changes by %s\n", waiting_method(session),
            imap_session_has(session, "QRESYNC") ? "QRESYNC (what vanishes is proven)"
                                                 : "comparison (what vanishes is inferred)");
    if (imap_session_has(session, "NAMESPACE"))
        imap_namespace(session, NULL, NULL);
    imap_list(session, "*", 0, on_listed, subject);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    struct subject *subject = arg;

    if (!subject->done) {
        name_subject(subject);
        fprintf(subject->checking->out, "\n  WRONG: %s\n", failure->reason);
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

    folder_list_hear(&subject->list, untagged);
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
        login.server = subject->target->server;
        login.login = subject->target->login;
        login.secret = &subject->target->secret;
    }
    subject->link = link_new(subject->checking->links, &login, &events, subject);
}

int connect_check(const struct config *config, FILE *out)
{
    struct checking checking = {.base = event_base_new(), .out = out};
    struct subject *subjects = xcalloc(config->n_accounts + config->n_targets, sizeof(*subjects));
    size_t n = 0;

    checking.links = links_new(checking.base);
    checking.left = checking.total = config->n_accounts + config->n_targets;
    for (size_t i = 0; i < config->n_accounts; i++)
        subjects[n++].account = config->accounts[i];
    for (size_t i = 0; i < config->n_targets; i++)
        subjects[n++].target = config->targets[i];
    for (size_t i = 0; i < n; i++) {
        subjects[i].checking = &checking;
        begin(&subjects[i]);
    }
    if (n > 0)
        event_base_dispatch(checking.base);
    for (size_t i = 0; i < n; i++) {
        link_free(subjects[i].link);
        folder_list_clear(&subjects[i].list);
    }
    free(subjects);
    links_free(checking.links);
    event_base_free(checking.base);
    return checking.wrong > 0 ? 1 : 0;
}
