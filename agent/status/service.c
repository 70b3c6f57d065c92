#include "agent/status/service.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sysexits.h>

#include "agent/status/control.h"
#include "agent/status/http.h"
#include "agent/status/status.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

struct status_service {
    struct event_base *base;
    struct ledger *ledger;
    void (*take_snapshot)(void *arg, struct snapshot *snapshot);
    void *arg;
    struct control *control;
    struct http *http;
    char *listen;                  /* the configured address; NULL: none */
    unsigned retry;                /* seconds until it is tried again */
    struct ledger_figures figures; /* the last ones known */
    LIST_HEAD(, figures_request) asked;
};

/* ---- figures ---- */

/* A caller that waits for the figures of the ledger. */
struct figures_request {
    struct status_service *service;
    struct ledger_request *request;
    ledger_figures_done *done;
    void *arg;
    LIST_ENTRY(figures_request) entry;
};

static void figures_request_free(struct figures_request *request)
{
    LIST_REMOVE(request, entry);
    free(request);
}

static void on_figures(void *arg, const struct ledger_figures *figures,
                       const struct ledger_target_figures *targets, size_t n_targets)
{
    struct figures_request *request = arg;

    request->service->figures = *figures;
    request->done(request->arg, figures, targets, n_targets);
    figures_request_free(request);
}

/* A blocked ledger answers nobody: they get the last known figures. */
static void answer_all(struct status_service *service)
{
    struct figures_request *request;

    while ((request = LIST_FIRST(&service->asked)) != NULL) {
        ledger_cancel(request->request);
        request->done(request->arg, &service->figures, NULL, 0);
        figures_request_free(request);
    }
}

static void forget_figures(void *arg, const void *done_arg)
{
    struct status_service *service = arg;
    struct figures_request *request;

    LIST_FOREACH(request, &service->asked, entry)
        if (request->arg == done_arg) {
            ledger_cancel(request->request);
            figures_request_free(request);
            return;
        }
}

static void ask_figures(void *arg, ledger_figures_done *done, void *done_arg)
{
    struct status_service *service = arg;
    struct figures_request *request;
    time_t since;

    if (ledger_is_blocked(service->ledger, &since) != NULL) {
        done(done_arg, &service->figures, NULL, 0);
        return;
    }
    request = xcalloc(1, sizeof(*request));
    *request = (struct figures_request){.service = service, .done = done, .arg = done_arg};
    LIST_INSERT_HEAD(&service->asked, request, entry);
    request->request = ledger_figures(service->ledger, on_figures, request);
}

/* ---- the control socket ---- */

struct status_question {
    struct status_service *service;
    struct control_question *question;
    bool json;
};

static void answer_status(void *arg, const struct ledger_figures *figures,
                          const struct ledger_target_figures *targets, size_t n_targets)
{
    struct status_question *asked = arg;
    struct snapshot snapshot;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    asked->service->take_snapshot(asked->service->arg, &snapshot);
    if (asked->json)
        status_write_json(out, &snapshot, figures, targets, n_targets);
    else
        status_write_text(out, &snapshot, figures, targets, n_targets);
    fclose(out);
    control_answer(asked->question, text, len);
    free(text);
    free(asked);
}

static bool answer_problems(struct status_service *service, struct control_question *question,
                            const char *line)
{
    struct snapshot snapshot;
    char *text = NULL;
    size_t len = 0;
    FILE *out;

    if (strcmp(line, "problems") != 0)
        return false;
    out = open_memstream(&text, &len);
    service->take_snapshot(service->arg, &snapshot);
    status_write_unseen(out, &snapshot);
    fclose(out);
    control_answer(question, text, len);
    free(text);
    return true;
}

/* "probe text 0 NAME", "probe json 0 NAME": the last result, after a Nagios exit status. */
static bool answer_probe(struct status_service *service, struct control_question *question,
                         const char *line)
{
    char form[5];
    int verbosity, end = 0;
    char *text = NULL;
    size_t len = 0;
    struct snapshot snapshot;
    FILE *out;

    if (sscanf(line, "probe %4[a-z] %d %n", form, &verbosity, &end) != 2 || end == 0)
        return false;
    out = open_memstream(&text, &len);
    service->take_snapshot(service->arg, &snapshot);
    probes_write_last(snapshot.probes, line + end, strcmp(form, "json") == 0, verbosity, out);
    fclose(out);
    control_answer(question, text, len);
    free(text);
    return true;
}

/* ---- what an officer decides ---- */

/* "retry id ID", "retry target T", "retry all", "drop ID WHY". */
struct officer_request {
    struct status_service *service;
    struct control_question *question;
    char *target; /* deliveries that are tried at once; NULL: all, if `retry` */
    bool retry;
};

char *decision_answer(bool retry, size_t n, const char *why)
{
    if (n == 0)
        return xasprintf("%d %s\n", EX_NOINPUT, why);
    return retry ? xasprintf("0 %zu cop%s due now\n", n, n == 1 ? "y is" : "ies are")
                 : xasprintf("0 dropped\n");
}

static void retry_deliveries(const struct officer_request *request)
{
    struct snapshot snapshot;

    request->service->take_snapshot(request->service->arg, &snapshot);
    for (size_t i = 0; i < snapshot.n_deliveries; i++)
        if (request->target == NULL ||
            strcmp(deliver_target(snapshot.deliveries[i])->name, request->target) == 0)
            deliver_retry_now(snapshot.deliveries[i]);
}

static void on_decided(void *arg, size_t n, const char *why)
{
    struct officer_request *request = arg;
    char *text = decision_answer(request->retry, n, why);

    if (n > 0 && request->retry)
        retry_deliveries(request);
    control_answer(request->question, text, strlen(text));
    free(text);
    free(request->target);
    free(request);
}

static bool answer_decision(struct status_service *service, struct control_question *question,
                            const char *line)
{
    bool retry = strncmp(line, "retry ", 6) == 0;
    const char *words = line + (retry ? 6 : 5);
    struct officer_request *request;
    char id[64];
    int end = 0;

    if (!retry && strncmp(line, "drop ", 5) != 0)
        return false;
    if (retry ? strcmp(words, "all") != 0 && strncmp(words, "id ", 3) != 0 &&
                    strncmp(words, "target ", 7) != 0
              : sscanf(words, "%63s %n", id, &end) != 1 || end == 0 || words[end] == '\0')
        return false;
    request = xcalloc(1, sizeof(*request));
    *request = (struct officer_request){.service = service, .question = question, .retry = retry};
    if (!retry)
        ledger_drop(service->ledger, id, words + end, on_decided, request);
    else if (strncmp(words, "id ", 3) == 0)
        ledger_retry(service->ledger, words + 3, NULL, on_decided, request);
    else if (strcmp(words, "all") == 0)
        ledger_retry(service->ledger, NULL, NULL, on_decided, request);
    else
        ledger_retry(service->ledger, NULL, request->target = xstrdup(words + 7), on_decided,
                     request);
    return true;
}

static void on_question(void *arg, struct control_question *question, const char *line)
{
    static const char unknown[] = "unknown request\n";
    struct status_service *service = arg;
    struct status_question *asked;
    bool json = strcmp(line, "status json") == 0;

    if (answer_problems(service, question, line) || answer_probe(service, question, line) ||
        answer_decision(service, question, line))
        return;
    if (!json && strcmp(line, "status") != 0) {
        control_answer(question, unknown, sizeof(unknown) - 1);
        return;
    }
    asked = xcalloc(1, sizeof(*asked));
    *asked = (struct status_question){.service = service, .question = question, .json = json};
    ask_figures(service, answer_status, asked);
}

/* ---- the status service ---- */

static void snapshot_for_http(void *arg, struct snapshot *snapshot)
{
    const struct status_service *service = arg;

    service->take_snapshot(service->arg, snapshot);
}

static bool is_ready(void *arg)
{
    const struct status_service *service = arg;
    struct snapshot snapshot;

    service->take_snapshot(service->arg, &snapshot);
    return snapshot.ready;
}

static const char *unhealthy(void *arg)
{
    const struct status_service *service = arg;
    time_t since;

    return ledger_is_blocked(service->ledger, &since);
}

static void open_http(struct status_service *service)
{
    struct http_source source = {.figures = ask_figures,
                                 .forget_figures = forget_figures,
                                 .snapshot = snapshot_for_http,
                                 .ready = is_ready,
                                 .unhealthy = unhealthy,
                                 .arg = service};
    char *why = NULL;

    service->http = http_new(service->base, service->listen, &source, &why);
    if (service->http == NULL)
        log_event(LOG_LEVEL_ERROR, "status-not-opened", "listen", service->listen, "reason", why,
                  "action", "retrying", (char *)NULL);
    else
        log_event(LOG_LEVEL_NOTICE, "status-opened", "listen", service->listen, "port",
                  log_number(http_port(service->http)), (char *)NULL);
    service->retry = STATUS_HTTP_RETRY;
    free(why);
}

void status_service_apply_config(struct status_service *service, const struct config *config)
{
    const char *listen = config->status_listen;

    if (service->listen != NULL && listen != NULL && strcmp(service->listen, listen) == 0)
        return;
    http_free(service->http);
    service->http = NULL;
    free(service->listen);
    service->listen = listen != NULL ? xstrdup(listen) : NULL;
    if (listen != NULL)
        open_http(service);
}

void status_service_every_second(struct status_service *service)
{
    time_t since;

    if (ledger_is_blocked(service->ledger, &since) != NULL)
        answer_all(service);
    if (service->listen != NULL && service->http == NULL && --service->retry == 0)
        open_http(service);
}

/* ---- life ---- */

struct status_service *
status_service_new(struct event_base *base, struct ledger *ledger, const char *state_dir,
                   void (*take_snapshot)(void *arg, struct snapshot *snapshot), void *arg,
                   char **why)
{
    struct status_service *service = xcalloc(1, sizeof(*service));

    service->base = base;
    service->ledger = ledger;
    service->take_snapshot = take_snapshot;
    service->arg = arg;
    LIST_INIT(&service->asked);
    service->control = control_new(base, state_dir, on_question, service, why);
    if (service->control != NULL)
        return service;
    free(service);
    return NULL;
}

void status_service_free(struct status_service *service)
{
    struct figures_request *request;

    if (service == NULL)
        return;
    /* The ledger is closed: what it gave up is answered no more. */
    while ((request = LIST_FIRST(&service->asked)) != NULL)
        figures_request_free(request);
    http_free(service->http);
    control_free(service->control);
    free(service->listen);
    free(service);
}
