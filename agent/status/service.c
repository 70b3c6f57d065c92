#include "agent/status/service.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/status/control.h"
#include "agent/status/http.h"
#include "agent/status/status.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

struct questions {
    struct event_base *base;
    const struct agent *agent;
    struct control *control;
    struct http *http;
    char *listen;                  /* where http listens, or shall; NULL: nowhere */
    unsigned retry;                /* seconds until that is tried again */
    struct ledger_figures figures; /* as they were last told */
    LIST_HEAD(, figures_request) asked;
};

static struct ledger *ledger_of(const struct questions *questions)
{
    struct agent_view view;

    agent_view(questions->agent, &view);
    return view.parts->ledger;
}

/* ---- figures ---- */

/* Somebody who waits for the ledger's figures. */
struct figures_request {
    struct questions *questions;
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

    request->questions->figures = *figures;
    request->done(request->arg, figures, targets, n_targets);
    figures_request_free(request);
}

/* A ledger that is stuck answers nobody now: the figures as they were last. */
static void answer_all(struct questions *questions)
{
    struct figures_request *request;

    while ((request = LIST_FIRST(&questions->asked)) != NULL) {
        ledger_cancel(request->request);
        request->done(request->arg, &questions->figures, NULL, 0);
        figures_request_free(request);
    }
}

static void forget_figures(void *arg, const void *done_arg)
{
    struct questions *questions = arg;
    struct figures_request *request;

    LIST_FOREACH(request, &questions->asked, entry)
        if (request->arg == done_arg) {
            ledger_cancel(request->request);
            figures_request_free(request);
            return;
        }
}

static void ask_figures(void *arg, ledger_figures_done *done, void *done_arg)
{
    struct questions *questions = arg;
    struct figures_request *request;
    time_t since;

    if (ledger_is_stuck(ledger_of(questions), &since) != NULL) {
        done(done_arg, &questions->figures, NULL, 0);
        return;
    }
    request = xcalloc(1, sizeof(*request));
    *request = (struct figures_request){.questions = questions, .done = done, .arg = done_arg};
    LIST_INSERT_HEAD(&questions->asked, request, entry);
    request->request = ledger_figures(ledger_of(questions), on_figures, request);
}

/* ---- the control socket ---- */

struct status_question {
    struct questions *questions;
    struct control_question *question;
    bool json;
};

static void answer_status(void *arg, const struct ledger_figures *figures,
                          const struct ledger_target_figures *targets, size_t n_targets)
{
    struct status_question *asked = arg;
    struct agent_view view;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    agent_view(asked->questions->agent, &view);
    if (asked->json)
        status_write_json(out, &view, figures, targets, n_targets);
    else
        status_write_text(out, &view, figures, targets, n_targets);
    fclose(out);
    control_answer(asked->question, text, len);
    free(text);
    free(asked);
}

/* "probe text 0 NAME", "probe json 0 NAME": what it found last, behind a Nagios exit status. */
static bool answer_probe(struct questions *questions, struct control_question *question,
                         const char *line)
{
    char form[5];
    int verbosity, behind = 0;
    char *text = NULL;
    size_t len = 0;
    struct agent_view view;
    FILE *out;

    if (sscanf(line, "probe %4[a-z] %d %n", form, &verbosity, &behind) != 2 || behind == 0)
        return false;
    out = open_memstream(&text, &len);
    agent_view(questions->agent, &view);
    probes_write_last(view.probes, line + behind, strcmp(form, "json") == 0, verbosity, out);
    fclose(out);
    control_answer(question, text, len);
    free(text);
    return true;
}

static void on_question(void *arg, struct control_question *question, const char *line)
{
    static const char unknown[] = "unknown question\n";
    struct questions *questions = arg;
    struct status_question *asked;
    bool json = strcmp(line, "status json") == 0;

    if (answer_probe(questions, question, line))
        return;
    if (!json && strcmp(line, "status") != 0) {
        control_answer(question, unknown, sizeof(unknown) - 1);
        return;
    }
    asked = xcalloc(1, sizeof(*asked));
    *asked = (struct status_question){.questions = questions, .question = question, .json = json};
    ask_figures(questions, answer_status, asked);
}

/* ---- the status service ---- */

static void view_for_http(void *arg, struct agent_view *view)
{
    const struct questions *questions = arg;

    agent_view(questions->agent, view);
}

static bool is_ready(void *arg)
{
    const struct questions *questions = arg;
    struct agent_view view;

    agent_view(questions->agent, &view);
    return view.ready;
}

static const char *unhealthy(void *arg)
{
    const struct questions *questions = arg;
    time_t since;

    return ledger_is_stuck(ledger_of(questions), &since);
}

static void open_http(struct questions *questions)
{
    struct http_source source = {.figures = ask_figures,
                                 .forget_figures = forget_figures,
                                 .view = view_for_http,
                                 .ready = is_ready,
                                 .unhealthy = unhealthy,
                                 .arg = questions};
    char *why = NULL;

    questions->http = http_new(questions->base, questions->listen, &source, &why);
    if (questions->http == NULL)
        log_event(LOG_LEVEL_ERROR, "status-not-opened", "listen", questions->listen, "reason", why,
                  "action", "it is tried again", (char *)NULL);
    else
        log_event(LOG_LEVEL_NOTICE, "status-opened", "listen", questions->listen, "port",
                  log_number(http_port(questions->http)), (char *)NULL);
    questions->retry = QUESTIONS_HTTP_RETRY;
    free(why);
}

void questions_take_config(struct questions *questions, const struct config *config)
{
    const char *listen = config->status_listen;

    if (questions->listen != NULL && listen != NULL && strcmp(questions->listen, listen) == 0)
        return;
    http_free(questions->http);
    questions->http = NULL;
    free(questions->listen);
    questions->listen = listen != NULL ? xstrdup(listen) : NULL;
    if (listen != NULL)
        open_http(questions);
}

void questions_every_second(struct questions *questions)
{
    time_t since;

    if (ledger_is_stuck(ledger_of(questions), &since) != NULL)
        answer_all(questions);
    if (questions->listen != NULL && questions->http == NULL && --questions->retry == 0)
        open_http(questions);
}

/* ---- life ---- */

struct questions *questions_new(struct event_base *base, const struct agent *agent,
                                const char *state_dir, char **why)
{
    struct questions *questions = xcalloc(1, sizeof(*questions));

    questions->base = base;
    questions->agent = agent;
    LIST_INIT(&questions->asked);
    questions->control = control_new(base, state_dir, on_question, questions, why);
    if (questions->control != NULL)
        return questions;
    free(questions);
    return NULL;
}

void questions_free(struct questions *questions)
{
    struct figures_request *request;

    if (questions == NULL)
        return;
    /* The ledger is closed: what it gave up is answered no more. */
    while ((request = LIST_FIRST(&questions->asked)) != NULL)
        figures_request_free(request);
    http_free(questions->http);
    control_free(questions->control);
    free(questions->listen);
    free(questions);
}
