#include "agent/agent.h"

#include <event2/thread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "agent/capture/spool_room.h"
#include "agent/deliver/deliver.h"
#include "agent/ledger/plan.h"
#include "agent/probe/schedule.h"
#include "agent/status/service.h"
#include "agent/status/snapshot.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "agent/system/loop.h"
#include "agent/system/systemd.h"
#include "agent/watch/account_watch.h"
#include "rules/util/memory.h"

#define OVERDUE_EVERY 30 /* seconds between looks for copies that wait too long */

struct agent {
    const char *config_path;
    struct config *config;
    struct context context;
    struct account_watch **accounts;
    size_t n_accounts;
    struct deliver **deliveries;
    size_t n_deliveries;
    struct probes *probes;
    struct status_service *service;
    struct event *on_terminate, *on_interrupt, *on_hangup, *watchdog, *give_up, *tick;
    time_t started, reloaded;
    char *reload_trouble;
    size_t settled; /* accounts that have been listed or have failed once */
    bool ready;
    bool blocked;    /* the ledger, as last logged */
    unsigned ticks;  /* seconds */
    size_t stopping; /* deliveries still in progress */
};

/* ---- events of the parts ---- */

static struct deliver *find_deliver(const struct agent *agent, const char *target)
{
    for (size_t i = 0; i < agent->n_deliveries; i++)
        if (strcmp(deliver_target(agent->deliveries[i])->name, target) == 0)
            return agent->deliveries[i];
    return NULL;
}

static void on_stored(void *arg, const char *target)
{
    struct deliver *deliver = find_deliver(arg, target);

    if (deliver != NULL)
        deliver_wake(deliver);
}

static void maybe_signal_ready(struct agent *agent)
{
    if (agent->ready || agent->settled < agent->n_accounts)
        return;
    agent->ready = true;
    log_event(LOG_LEVEL_NOTICE, "ready", "accounts", log_number((long long)agent->n_accounts),
              "targets", log_number((long long)agent->n_deliveries), (char *)NULL);
    service_notify("READY=1");
}

static void on_settled(void *arg)
{
    struct agent *agent = arg;

    agent->settled++;
    maybe_signal_ready(agent);
}

/* ---- status ---- */

static void take_snapshot(void *arg, struct snapshot *snapshot)
{
    const struct agent *agent = arg;

    *snapshot = (struct snapshot){
        .context = &agent->context,
        .accounts = agent->accounts,
        .n_accounts = agent->n_accounts,
        .deliveries = agent->deliveries,
        .n_deliveries = agent->n_deliveries,
        .started = agent->started,
        .reloaded = agent->reloaded,
        .reload_trouble = agent->reload_trouble != NULL ? agent->reload_trouble : "",
        .probes = agent->probes,
        .ready = agent->ready,
    };
}

/* ---- copies that wait too long ---- */

static void on_figures(void *arg, const struct ledger_figures *figures,
                       const struct ledger_target_figures *targets, size_t n_targets)
{
    struct agent *agent = arg;

    (void)figures;
    for (size_t i = 0; i < agent->n_deliveries; i++) {
        const struct target *target = deliver_target(agent->deliveries[i]);
        const struct ledger_target_figures *its = snapshot_target(targets, n_targets, target->name);

        deliver_note_overdue(agent->deliveries[i], snapshot_overdue(target, its), its->pending);
    }
}

/* ---- each second ---- */

static void on_every_second(evutil_socket_t fd, short what, void *arg)
{
    struct agent *agent = arg;
    time_t since;
    const char *blocked = ledger_is_blocked(agent->context.ledger, &since);

    (void)fd;
    (void)what;
    if (blocked != NULL && !agent->blocked)
        log_event(LOG_LEVEL_ERROR, "ledger-blocked", "reason", blocked, "action",
                  "capture and delivery are suspended; retrying", (char *)NULL);
    if (blocked == NULL && agent->blocked)
        log_event(LOG_LEVEL_NOTICE, "ledger-resumed", (char *)NULL);
    agent->blocked = blocked != NULL;
    if (blocked == NULL && ++agent->ticks % OVERDUE_EVERY == 0)
        ledger_figures(agent->context.ledger, on_figures, agent);
    status_service_every_second(agent->service);
}

static struct event *start_ticking(struct agent *agent)
{
    struct timeval interval = {.tv_sec = 1};
    struct event *event = event_new(agent->context.base, -1, EV_PERSIST, on_every_second, agent);

    event_add(event, &interval);
    return event;
}

/* ---- configuration: at the start and by SIGHUP ---- */

static void start_accounts(struct agent *agent, struct config *config)
{
    struct account_watch **watches = xcalloc(config->n_accounts, sizeof(struct account_watch *));
    size_t n_watches = 0;

    for (size_t i = 0; i < config->n_accounts; i++) {
        if (!config->accounts[i]->watch)
            continue;
        for (size_t k = 0; k < agent->n_accounts && watches[i] == NULL; k++) {
            struct account_watch *old = agent->accounts[k];

            if (old == NULL ||
                strcmp(account_watch_account(old)->name, config->accounts[i]->name) != 0)
                continue;
            if (account_watch_update(old, config->accounts[i])) {
                watches[i] = old;
                agent->accounts[k] = NULL;
            }
        }
    }
    for (size_t k = 0; k < agent->n_accounts; k++)
        account_watch_free(agent->accounts[k]);
    for (size_t i = 0; i < config->n_accounts; i++) {
        struct account_watch *watch = watches[i];

        if (watch == NULL && config->accounts[i]->watch)
            watch = account_watch_new(&agent->context, config->accounts[i]);
        if (watch != NULL)
            watches[n_watches++] = watch;
    }
    free(agent->accounts);
    agent->accounts = watches;
    agent->n_accounts = n_watches;
}

static void start_deliveries(struct agent *agent, struct config *config)
{
    struct deliver **deliveries = xcalloc(config->n_targets, sizeof(struct deliver *));

    for (size_t i = 0; i < config->n_targets; i++) {
        for (size_t k = 0; k < agent->n_deliveries && deliveries[i] == NULL; k++) {
            struct deliver *old = agent->deliveries[k];

            if (old == NULL || strcmp(deliver_target(old)->name, config->targets[i]->name) != 0)
                continue;
            if (deliver_update(old, config->targets[i])) {
                deliveries[i] = old;
                agent->deliveries[k] = NULL;
            }
        }
    }
    for (size_t k = 0; k < agent->n_deliveries; k++)
        deliver_free(agent->deliveries[k]);
    for (size_t i = 0; i < config->n_targets; i++)
        if (deliveries[i] == NULL)
            deliveries[i] = deliver_new(&agent->context, config->targets[i]);
    free(agent->deliveries);
    agent->deliveries = deliveries;
    agent->n_deliveries = config->n_targets;
    for (size_t i = 0; i < agent->n_deliveries; i++)
        deliver_wake(agent->deliveries[i]);
}

/* What is watched, for the ledger. */
static void record_accounts(struct agent *agent, const struct config *config)
{
    struct ledger_configured_account *accounts = xcalloc(config->n_accounts, sizeof(*accounts));
    size_t n = 0;

    for (size_t i = 0; i < config->n_accounts; i++)
        if (config->accounts[i]->watch)
            accounts[n++] = (struct ledger_configured_account){config->accounts[i]->name,
                                                               config->accounts[i]->folders};
    ledger_configured(agent->context.ledger, accounts, n);
    free(accounts);
}

/* Parts move to the new configuration before the old one is freed. */
static void apply_config(struct agent *agent, struct config *config)
{
    struct config *old = agent->config;

    memcpy(config->rules->key, ledger_key(agent->context.ledger), sizeof(config->rules->key));
    agent->config = config;
    agent->context.config = config;
    links_renew_tls(agent->context.links);
    start_deliveries(agent, config);
    record_accounts(agent, config);
    start_accounts(agent, config);
    probes_apply_config(agent->probes, config);
    status_service_apply_config(agent->service, config);
    config_free(old);
}

static char *first_error(const struct config_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->problems[i];

        if (!problem->warning)
            return xasprintf("%s:%d: %s", problem->file != NULL ? problem->file : "", problem->line,
                             problem->text);
    }
    return xstrdup("unknown");
}

static const char *unchangeable(const struct config *old, const struct config *new)
{
    if (strcmp(old->instance, new->instance) != 0)
        return "instance cannot change while the agent runs: restart it";
    if (strcmp(old->state_dir, new->state_dir) != 0)
        return "state_dir cannot change while the agent runs: restart it";
    return NULL;
}

static void refuse_reload(struct agent *agent, const char *why)
{
    free(agent->reload_trouble);
    agent->reload_trouble = xstrdup(why);
    log_event(LOG_LEVEL_ERROR, "reload-refused", "reason", why, "action",
              "the old configuration is still in use", (char *)NULL);
}

static void reload(struct agent *agent)
{
    struct config_problems problems = {0};
    struct config *config = config_load(agent->config_path, &problems);
    const char *why = config != NULL ? unchangeable(agent->config, config) : NULL;

    config_problems_print(&problems, stderr);
    if (config == NULL) {
        char *error = first_error(&problems);

        refuse_reload(agent, error);
        free(error);
    } else if (why != NULL) {
        refuse_reload(agent, why);
        config_free(config);
    } else {
        free(agent->reload_trouble);
        agent->reload_trouble = NULL;
        agent->reloaded = time(NULL);
        apply_config(agent, config);
        log_event(LOG_LEVEL_NOTICE, "reloaded", "accounts",
                  log_number((long long)agent->n_accounts), (char *)NULL);
    }
    config_problems_clear(&problems);
}

static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    service_reloading();
    reload(arg);
    service_notify("READY=1");
}

/* ---- the end ---- */

static void leave_loop(struct agent *agent)
{
    event_base_loopbreak(agent->context.base);
}

static void on_delivery_stopped(void *arg)
{
    struct agent *agent = arg;

    if (--agent->stopping == 0)
        leave_loop(agent);
}

static void on_give_up(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    leave_loop(arg);
}

static void on_terminate(evutil_socket_t fd, short what, void *arg)
{
    struct timeval patience = {.tv_sec = LIMIT_SHUTDOWN};
    struct agent *agent = arg;

    (void)fd;
    (void)what;
    if (agent->stopping > 0 || agent->n_deliveries == 0) {
        leave_loop(agent);
        return;
    }
    log_event(LOG_LEVEL_NOTICE, "stopping", (char *)NULL);
    service_notify("STOPPING=1");
    for (size_t i = 0; i < agent->n_accounts; i++)
        account_watch_free(agent->accounts[i]);
    agent->n_accounts = 0;
    probes_free(agent->probes);
    agent->probes = NULL;
    agent->stopping = agent->n_deliveries;
    for (size_t i = 0; i < agent->n_deliveries; i++)
        deliver_stop(agent->deliveries[i], on_delivery_stopped, agent);
    event_add(agent->give_up, &patience);
}

/* ---- start ---- */

static struct event *add_signal(struct agent *agent, int number, event_callback_fn callback)
{
    struct event *event = evsignal_new(agent->context.base, number, callback, agent);

    event_add(event, NULL);
    return event;
}

/* Until there is a handler, a SIGHUP waits: it would end the agent, or be forgotten. */
static void mask_hangup(int how)
{
    sigset_t hangup;

    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    pthread_sigmask(how, &hangup, NULL);
}

static int open_ledger(struct agent *agent)
{
    struct ledger_options options = {
        .state_dir = agent->config->state_dir,
        .instance = agent->config->instance,
        .rules_digest = agent->config->rules_digest,
    };
    char *why = NULL;
    enum ledger_open_error error =
        ledger_open(agent->context.base, &options, &agent->context.ledger, &why);

    if (error == LEDGER_OPENED) {
        ledger_set_plans(agent->context.ledger, plan_join, plan_covers);
        if (ledger_damage(agent->context.ledger) != NULL)
            log_event(LOG_LEVEL_ERROR, "spool-damaged", "reason",
                      ledger_damage(agent->context.ledger), (char *)NULL);
        return 0;
    }
    log_event(LOG_LEVEL_ERROR, "ledger-not-opened", "reason", why, (char *)NULL);
    free(why);
    return error == LEDGER_IN_USE || error == LEDGER_SYSTEM ? EX_TEMPFAIL : EX_CONFIG;
}

static int open_status_service(struct agent *agent)
{
    char *why = NULL;

    agent->service = status_service_new(agent->context.base, agent->context.ledger,
                                        agent->config->state_dir, take_snapshot, agent, &why);
    if (agent->service != NULL)
        return 0;
    log_event(LOG_LEVEL_ERROR, "control-socket-not-opened", "reason", why, (char *)NULL);
    free(why);
    return EX_TEMPFAIL;
}

static void start(struct agent *agent)
{
    struct config *config = agent->config;

    agent->context.links = links_new(agent->context.base);
    agent->context.spool_room = spool_room_new(agent->context.ledger);
    agent->context.stored = on_stored;
    agent->context.settled = on_settled;
    agent->context.arg = agent;
    agent->probes = probes_new(agent->context.base, agent->context.links, agent->context.ledger);
    agent->context.started = agent->started = time(NULL);
    agent->on_terminate = add_signal(agent, SIGTERM, on_terminate);
    agent->on_interrupt = add_signal(agent, SIGINT, on_terminate);
    agent->on_hangup = add_signal(agent, SIGHUP, on_hangup);
    mask_hangup(SIG_UNBLOCK);
    agent->give_up = evtimer_new(agent->context.base, on_give_up, agent);
    agent->watchdog = service_watchdog(agent->context.base);
    agent->tick = start_ticking(agent);
    log_event(LOG_LEVEL_NOTICE, "started", "version", MAILVIGIL_VERSION, "instance",
              config->instance, (char *)NULL);
    agent->config = NULL;
    apply_config(agent, config);
    maybe_signal_ready(agent);
}

static void free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

static void stop(struct agent *agent)
{
    for (size_t i = 0; i < agent->n_accounts; i++)
        account_watch_free(agent->accounts[i]);
    for (size_t i = 0; i < agent->n_deliveries; i++)
        deliver_free(agent->deliveries[i]);
    free(agent->accounts);
    free(agent->deliveries);
    probes_free(agent->probes);
    agent->probes = NULL;
    /* The ledger still calls back while it closes. */
    agent->n_accounts = agent->n_deliveries = 0;
    agent->accounts = NULL;
    agent->deliveries = NULL;
    if (agent->context.ledger != NULL)
        ledger_close(agent->context.ledger);
    status_service_free(agent->service);
    links_free(agent->context.links);
    spool_room_free(agent->context.spool_room);
    rule_counts_clear(&agent->context.exempt_by);
    free_event(agent->on_terminate);
    free_event(agent->on_interrupt);
    free_event(agent->on_hangup);
    free_event(agent->watchdog);
    free_event(agent->give_up);
    free_event(agent->tick);
    config_free(agent->config);
    free(agent->reload_trouble);
    loop_free(agent->context.base);
}

int agent_run(const char *config_path)
{
    struct agent agent = {.config_path = config_path};
    struct config_problems problems = {0};
    int status;

    mask_hangup(SIG_BLOCK);
    agent.config = config_load(config_path, &problems);
    config_problems_print(&problems, stderr);
    config_problems_clear(&problems);
    if (agent.config == NULL)
        return EX_CONFIG;
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    evthread_use_pthreads();
    agent.context.base = event_base_new();
    status = open_ledger(&agent);
    if (status == 0)
        status = open_status_service(&agent);
    if (status == 0) {
        start(&agent);
        event_base_dispatch(agent.context.base);
        log_event(LOG_LEVEL_NOTICE, "stopped", (char *)NULL);
    }
    stop(&agent);
    libevent_global_shutdown();
    return status;
}
