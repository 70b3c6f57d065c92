#include "agent/alert/alert.h"

#include <assert.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/alert/private.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

/* seconds: 10, 20, 40, 80: an alert survives a restart of its receiver */
#define BACKOFF_FIRST 10
#define BACKOFF_LAST 300

/* One alert for one destination. */
struct job {
    struct alert_message message;
    uint64_t number; /* in the order of queueing */
    STAILQ_ENTRY(job) entry;
};

/* The alerts of one probe for one destination, in order: the first one is tried. Everything is a
 * copy, so a reload does not affect what is queued. */
struct lane {
    struct alerts *alerts;
    char *probe;
    char **command; /* NULL: a webhook */
    char *webhook, *ca_file;
    char *identity; /* of the destination */
    char *name;     /* of the destination, for the log */
    struct alert_command *running_command;
    struct webhook *running_webhook;
    struct backoff backoff;
    struct event *pause; /* between two tries */
    STAILQ_HEAD(, job) jobs;
    TAILQ_ENTRY(lane) entry;
};

struct alerts {
    struct links *links;
    unsigned timeout; /* of a try */
    struct backoff backoff;
    TAILQ_HEAD(lanes, lane) lanes;
    struct lane *running[ALERT_RUNNING_MAX];
    size_t n_running, n_jobs;
    uint64_t next_number;
    struct alerts_count count;
};

/* ---- the facts ---- */

static void strings_free(char **strings)
{
    for (size_t i = 0; strings != NULL && strings[i] != NULL; i++)
        free(strings[i]);
    free(strings);
}

static char **strings_copy(char *const *strings)
{
    size_t count = 0;

    while (strings[count] != NULL)
        count++;
    char **copy = xcalloc(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = xstrdup(strings[i]);
    return copy;
}

static const struct probe_path *failed_path(const struct probe_result *result)
{
    for (size_t i = 0; result != NULL && i < result->n_paths; i++)
        if (result->paths[i].failed != PHASE_NONE)
            return &result->paths[i];
    return NULL;
}

static void write_result(struct json *json, const struct alert_facts *facts)
{
    if (facts->result == NULL || facts->verdict == NULL) {
        json_string(json, "summary", NULL);
        json_string(json, "phase", NULL);
        json_string(json, "reply", NULL);
        json_string(json, "result", NULL);
        return;
    }
    const struct probe_path *path = failed_path(facts->result);
    json_string(json, "summary", facts->verdict->summary);
    json_string(json, "phase", phase_text(path != NULL ? path->failed : PHASE_NONE));
    json_string(json, "reply", path != NULL && path->reply[0] != '\0' ? path->reply : NULL);
    json_object(json, "result");
    probe_json(json, facts->probe, facts->result, facts->verdict);
    json_object_end(json);
}

static char *facts_json(const struct config *config, const struct alert_facts *facts, size_t *len_r)
{
    char *text = NULL;
    FILE *out = memory_check(open_memstream(&text, len_r));
    struct json json;

    json_begin(&json, out);
    json_object(&json, NULL);
    json_string(&json, "event", probe_event_text(facts->event));
    json_string(&json, "instance", config->instance);
    json_string(&json, "probe", facts->probe->name);
    json_string(&json, "type", probe_type_text(facts->probe->type));
    json_string(&json, "server", facts->probe->server->name);
    json_string(&json, "state", probe_status_text(facts->state));
    json_string(&json, "previous", probe_status_text(facts->previous));
    json_time(&json, "since", facts->since);
    json_time(&json, "at", facts->at);
    write_result(&json, facts);
    json_object_end(&json);
    if (fclose(out) != 0)
        memory_exhausted();
    return text;
}

static char **facts_environment(const struct config *config, const struct alert_facts *facts)
{
    const struct probe_path *path = failed_path(facts->result);
    const char *summary = facts->verdict != NULL ? facts->verdict->summary : "";
    char since[32] = "";
    struct tm tm;

    if (facts->since != 0 && gmtime_r(&facts->since, &tm) != NULL)
        strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &tm);
    const char *const variables[][2] = {
        {"EVENT", probe_event_text(facts->event)},
        {"INSTANCE", config->instance},
        {"PROBE", facts->probe->name},
        {"TYPE", probe_type_text(facts->probe->type)},
        {"SERVER", facts->probe->server->name},
        {"STATE", probe_status_text(facts->state)},
        {"PREVIOUS", probe_status_text(facts->previous)},
        {"SINCE", since},
        {"SUMMARY", summary},
        {"PHASE", phase_text(path != NULL ? path->failed : PHASE_NONE)},
    };
    size_t count = sizeof(variables) / sizeof(*variables);
    char **environment = xcalloc(count + 1, sizeof(*environment));
    for (size_t i = 0; i < count; i++)
        environment[i] = xasprintf("MAILVIGIL_%s=%s", variables[i][0], variables[i][1]);
    return environment;
}

/* ---- lanes ---- */

static void on_pause(evutil_socket_t fd, short what, void *arg);

static char *command_identity(char *const *command)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = memory_check(open_memstream(&text, &len));

    for (; *command != NULL; command++)
        fprintf(out, "%zu:%s", strlen(*command), *command);
    if (fclose(out) != 0)
        memory_exhausted();
    return text;
}

static char *webhook_identity(const struct alert *alert)
{
    return xasprintf("%s %s", alert->webhook, alert->ca_file != NULL ? alert->ca_file : "");
}

static char *webhook_name(const char *url)
{
    struct evhttp_uri *uri = evhttp_uri_parse(url);
    const char *scheme = uri != NULL ? evhttp_uri_get_scheme(uri) : NULL;
    const char *host = uri != NULL ? evhttp_uri_get_host(uri) : NULL;
    char *name =
        scheme != NULL && host != NULL ? xasprintf("%s://%s", scheme, host) : xstrdup("webhook");
    if (uri != NULL)
        evhttp_uri_free(uri);
    return name;
}

/* Takes ownership of identity. */
static struct lane *lane_new(struct alerts *alerts, const char *probe, const struct alert *alert,
                             bool by_command, char *identity)
{
    struct lane *lane = xcalloc(1, sizeof(*lane));

    lane->alerts = alerts;
    lane->probe = xstrdup(probe);
    lane->identity = identity;
    lane->backoff = alerts->backoff;
    lane->pause = memory_check(evtimer_new(links_base(alerts->links), on_pause, lane));
    STAILQ_INIT(&lane->jobs);
    TAILQ_INSERT_TAIL(&alerts->lanes, lane, entry);
    if (by_command) {
        lane->command = strings_copy(alert->command);
        lane->name = xstrdup(alert->command[0]);
        return lane;
    }
    lane->webhook = xstrdup(alert->webhook);
    lane->ca_file = alert->ca_file != NULL ? xstrdup(alert->ca_file) : NULL;
    lane->name = webhook_name(alert->webhook);
    return lane;
}

static bool is_running(const struct lane *lane)
{
    return lane->running_command != NULL || lane->running_webhook != NULL;
}

static void drop_job(struct lane *lane, struct job *job)
{
    STAILQ_REMOVE(&lane->jobs, job, job, entry);
    lane->alerts->n_jobs--;
    free(job->message.json);
    strings_free(job->message.environment);
    free(job);
}

static void lane_free(struct lane *lane)
{
    while (!STAILQ_EMPTY(&lane->jobs))
        drop_job(lane, STAILQ_FIRST(&lane->jobs));
    TAILQ_REMOVE(&lane->alerts->lanes, lane, entry);
    alert_command_cancel(lane->running_command);
    webhook_cancel(lane->running_webhook);
    event_free(lane->pause);
    strings_free(lane->command);
    free(lane->webhook);
    free(lane->ca_file);
    free(lane->identity);
    free(lane->name);
    free(lane->probe);
    free(lane);
}

/* ---- trying ---- */

static void start_lanes(struct alerts *alerts);

static void remove_running(struct alerts *alerts, const struct lane *lane)
{
    for (size_t i = 0; i < alerts->n_running; i++) {
        if (alerts->running[i] == lane) {
            alerts->running[i] = alerts->running[--alerts->n_running];
            return;
        }
    }
}

/* The first job is finished, either way. Other lanes had to wait: they come first now. */
static void next_job(struct lane *lane)
{
    struct alerts *alerts = lane->alerts;

    assert(!is_running(lane) && !STAILQ_EMPTY(&lane->jobs));
    drop_job(lane, STAILQ_FIRST(&lane->jobs));
    lane->backoff = alerts->backoff;
    if (STAILQ_EMPTY(&lane->jobs)) {
        lane_free(lane);
        return;
    }
    TAILQ_REMOVE(&alerts->lanes, lane, entry);
    TAILQ_INSERT_TAIL(&alerts->lanes, lane, entry);
}

static void try_failed(struct lane *lane, const char *why)
{
    struct alerts *alerts = lane->alerts;
    struct timeval wait = backoff_next(&lane->backoff); /* counts this try */
    bool given_up = lane->backoff.tries >= ALERT_TRIES;

    log_event(given_up ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
              given_up ? "alert-given-up" : "alert-failed", "probe", lane->probe, "destination",
              lane->name, "try", log_number(lane->backoff.tries), "reason", why, (char *)NULL);
    if (!given_up) {
        evtimer_add(lane->pause, &wait);
        return;
    }
    alerts->count.failed++;
    next_job(lane);
}

static void on_tried(void *arg, const char *why)
{
    struct lane *lane = arg;
    struct alerts *alerts = lane->alerts;

    assert(is_running(lane));
    lane->running_command = NULL;
    lane->running_webhook = NULL;
    remove_running(alerts, lane);
    if (why != NULL) {
        try_failed(lane, why);
    } else {
        log_event(LOG_LEVEL_INFO, "alert-sent", "probe", lane->probe, "destination", lane->name,
                  (char *)NULL);
        alerts->count.sent++;
        next_job(lane);
    }
    start_lanes(alerts);
}

static bool may_start(const struct alerts *alerts, const struct lane *lane)
{
    size_t same = 0;

    if (is_running(lane) || evtimer_pending(lane->pause, NULL))
        return false;
    for (size_t i = 0; i < alerts->n_running; i++)
        same += strcmp(alerts->running[i]->identity, lane->identity) == 0 ? 1 : 0;
    return same < ALERT_RUNNING_EACH;
}

static void start_lanes(struct alerts *alerts)
{
    struct lane *lane;

    TAILQ_FOREACH(lane, &alerts->lanes, entry) {
        if (alerts->n_running == ALERT_RUNNING_MAX)
            return;
        if (!may_start(alerts, lane))
            continue;
        assert(!STAILQ_EMPTY(&lane->jobs)); /* an empty lane is freed */
        const struct alert_message *message = &STAILQ_FIRST(&lane->jobs)->message;
        alerts->running[alerts->n_running++] = lane;
        if (lane->command != NULL)
            lane->running_command = alert_command_run(links_base(alerts->links), lane->command,
                                                      message, alerts->timeout, on_tried, lane);
        else
            lane->running_webhook = webhook_post(alerts->links, lane->webhook, lane->ca_file,
                                                 message, alerts->timeout, on_tried, lane);
    }
}

static void on_pause(evutil_socket_t fd, short what, void *arg)
{
    struct lane *lane = arg;

    (void)fd;
    (void)what;
    start_lanes(lane->alerts);
}

/* ---- the queue ---- */

/* In a lane whose first job is running, the second one. */
static struct job *oldest_waiting(const struct lane *lane)
{
    struct job *first = STAILQ_FIRST(&lane->jobs);

    return is_running(lane) ? STAILQ_NEXT(first, entry) : first;
}

static void drop_oldest(struct alerts *alerts)
{
    struct lane *lane, *oldest_lane = NULL;
    struct job *oldest = NULL;

    TAILQ_FOREACH(lane, &alerts->lanes, entry) {
        struct job *job = oldest_waiting(lane);
        if (job != NULL && (oldest == NULL || job->number < oldest->number)) {
            oldest = job;
            oldest_lane = lane;
        }
    }
    if (oldest == NULL)
        return;
    alerts->count.dropped++;
    log_event(LOG_LEVEL_ERROR, "alert-dropped", "probe", oldest_lane->probe, "destination",
              oldest_lane->name, "reason", "too many alerts are queued", (char *)NULL);
    bool was_tried = oldest == STAILQ_FIRST(&oldest_lane->jobs);
    drop_job(oldest_lane, oldest);
    if (STAILQ_EMPTY(&oldest_lane->jobs)) {
        lane_free(oldest_lane);
    } else if (was_tried) { /* its pause does not apply to the next one */
        evtimer_del(oldest_lane->pause);
        oldest_lane->backoff = alerts->backoff;
    }
}

static struct lane *lane_for(struct alerts *alerts, const char *probe, const struct alert *alert,
                             bool by_command)
{
    char *identity = by_command ? command_identity(alert->command) : webhook_identity(alert);
    struct lane *lane;

    TAILQ_FOREACH(lane, &alerts->lanes, entry) {
        if (strcmp(lane->probe, probe) == 0 && strcmp(lane->identity, identity) == 0 &&
            (lane->command != NULL) == by_command) {
            free(identity);
            return lane;
        }
    }
    return lane_new(alerts, probe, alert, by_command, identity);
}

static void queue(struct alerts *alerts, const char *probe, const struct alert *alert,
                  bool by_command, const struct alert_message *message)
{
    struct job *job = xcalloc(1, sizeof(*job));

    if (alerts->n_jobs - alerts->n_running >= ALERT_QUEUE_MAX)
        drop_oldest(alerts);
    job->message.json = xmemdup0(message->json, message->len);
    job->message.len = message->len;
    job->message.environment = strings_copy(message->environment);
    job->number = alerts->next_number++;
    struct lane *lane = lane_for(alerts, probe, alert, by_command);
    STAILQ_INSERT_TAIL(&lane->jobs, job, entry);
    alerts->n_jobs++;
}

static bool is_for(const struct alert *alert, const char *probe)
{
    for (char **name = alert->probes; *name != NULL; name++)
        if (strcmp(*name, probe) == 0)
            return true;
    return alert->probes[0] == NULL;
}

void alerts_send(struct alerts *alerts, const struct config *config,
                 const struct alert_facts *facts)
{
    struct alert_message message;
    const char *probe = facts->probe->name;

    if (config->n_alerts == 0)
        return;
    message.json = facts_json(config, facts, &message.len);
    message.environment = facts_environment(config, facts);
    for (size_t i = 0; i < config->n_alerts; i++) {
        const struct alert *alert = config->alerts[i];
        if (!is_for(alert, probe))
            continue;
        if (alert->command != NULL && alert->command[0] != NULL)
            queue(alerts, probe, alert, true, &message);
        if (alert->webhook != NULL)
            queue(alerts, probe, alert, false, &message);
    }
    free(message.json);
    strings_free(message.environment);
    start_lanes(alerts);
}

/* ---- life ---- */

struct alerts *alerts_new(struct links *links)
{
    struct alerts *alerts = xcalloc(1, sizeof(*alerts));

    alerts->links = links;
    alerts->timeout = ALERT_TIMEOUT;
    alerts->backoff = (struct backoff){.first = BACKOFF_FIRST, .last = BACKOFF_LAST};
    TAILQ_INIT(&alerts->lanes);
    return alerts;
}

void alerts_set_patience(struct alerts *alerts, unsigned timeout, const struct backoff *backoff)
{
    alerts->timeout = timeout;
    alerts->backoff = *backoff;
}

void alerts_free(struct alerts *alerts)
{
    if (alerts == NULL)
        return;
    while (!TAILQ_EMPTY(&alerts->lanes))
        lane_free(TAILQ_FIRST(&alerts->lanes));
    free(alerts);
}

struct alerts_count alerts_count(const struct alerts *alerts)
{
    struct alerts_count count = alerts->count;

    count.waiting = alerts->n_jobs - alerts->n_running;
    return count;
}
