#include "agent/status/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/util/memory.h"

const struct ledger_target_figures *view_target(const struct ledger_target_figures *targets,
                                                size_t n, const char *name)
{
    static const struct ledger_target_figures none = {.target = ""};

    for (size_t i = 0; i < n; i++)
        if (strcmp(targets[i].target, name) == 0)
            return &targets[i];
    return &none;
}

void view_account(const struct account_watch *account, struct watch_status *worst)
{
    watch_status(account_watch_nth(account, 0), worst);
    for (size_t i = 1; i < account_watch_count(account); i++) {
        struct watch_status status;

        watch_status(account_watch_nth(account, i), &status);
        if (worst->trouble_since == 0 && status.trouble_since != 0)
            *worst = status;
    }
}

size_t view_probes(const struct agent_view *view)
{
    return view->probes != NULL ? probes_count(view->probes) : 0;
}

size_t view_reflectors(const struct agent_view *view)
{
    return view->probes != NULL ? probes_reflectors(view->probes) : 0;
}

/* ---- what is wrong ---- */

struct telling {
    view_tell *tell;
    void *arg;
    size_t count;
};

static void tell(struct telling *telling, const struct trouble *trouble)
{
    telling->count++;
    if (telling->tell != NULL)
        telling->tell(telling->arg, trouble);
}

static void tell_of_accounts(struct telling *telling, const struct agent_view *view)
{
    for (size_t i = 0; i < view->n_accounts; i++) {
        struct watch_status status;

        view_account(view->accounts[i], &status);
        if (status.trouble_since != 0)
            tell(telling, &(struct trouble){.what = "account",
                                            .name = account_watch_account(view->accounts[i])->name,
                                            .since = status.trouble_since,
                                            .text = status.trouble});
    }
}

static void tell_of_targets(struct telling *telling, const struct agent_view *view)
{
    for (size_t i = 0; i < view->n_deliveries; i++) {
        struct deliver_status status;

        deliver_status(view->deliveries[i], &status);
        if (status.trouble_since != 0)
            tell(telling, &(struct trouble){.what = "target",
                                            .name = deliver_target(view->deliveries[i])->name,
                                            .since = status.trouble_since,
                                            .text = status.trouble});
    }
}

/* A raised state outlives its cause until enough good results have come. */
static void tell_of_probe(struct telling *telling, const struct probe_view *probe)
{
    const char *state = probe_status_text(probe->state->shown);
    char *text;

    if (probe->verdict == NULL)
        text = xstrdup(state);
    else if (probe->verdict->status == probe->state->shown)
        text = xasprintf("%s: %s", state, probe->verdict->summary);
    else
        text = xasprintf("%s, though the last result is %s: %s", state,
                         probe_status_text(probe->verdict->status), probe->verdict->summary);
    tell(telling, &(struct trouble){.what = "probe",
                                    .name = probe->probe->name,
                                    .since = probe->state->since,
                                    .text = text,
                                    .warning = probe->state->shown != PROBE_CRITICAL});
    free(text);
}

static void tell_of_probes(struct telling *telling, const struct agent_view *view,
                           enum probe_status status)
{
    for (size_t i = 0; i < view_probes(view); i++) {
        struct probe_view probe = probes_view(view->probes, i);

        if (probe.state->shown == status && !probe.in_maintenance)
            tell_of_probe(telling, &probe);
    }
}

static void tell_of_mailboxes(struct telling *telling, const struct agent_view *view)
{
    for (size_t i = 0; i < view_probes(view); i++) {
        struct probe_view probe = probes_view(view->probes, i);

        if (probe.trouble != NULL)
            tell(telling, &(struct trouble){.what = "return mailbox of the probe",
                                            .name = probe.probe->name,
                                            .text = probe.trouble});
    }
    for (size_t i = 0; i < view_reflectors(view); i++) {
        struct reflector_view reflector = probes_reflector_view(view->probes, i);

        if (reflector.trouble != NULL)
            tell(telling, &(struct trouble){.what = "reflector",
                                            .name = reflector.reflector->name,
                                            .text = reflector.trouble});
    }
}

size_t view_troubles(const struct agent_view *view, view_tell *tell_one, void *arg)
{
    struct telling telling = {.tell = tell_one, .arg = arg};
    time_t since = 0;
    const char *stuck = ledger_is_stuck(view->parts->ledger, &since);

    if (stuck != NULL)
        tell(&telling,
             &(struct trouble){.what = "ledger", .name = "", .since = since, .text = stuck});
    if (*view->reload_trouble != '\0')
        tell(&telling, &(struct trouble){.what = "the last reload was refused, the old "
                                                 "configuration stays",
                                         .name = "",
                                         .text = view->reload_trouble});
    tell_of_accounts(&telling, view);
    tell_of_targets(&telling, view);
    tell_of_probes(&telling, view, PROBE_CRITICAL);
    tell_of_mailboxes(&telling, view);
    tell_of_probes(&telling, view, PROBE_UNKNOWN);
    tell_of_probes(&telling, view, PROBE_WARNING);
    return telling.count;
}

const char *view_ago(char buffer[VIEW_AGO_MAX], time_t since)
{
    long long seconds = since == 0 ? 0 : (long long)(time(NULL) - since);

    if (seconds < 120)
        snprintf(buffer, VIEW_AGO_MAX, "%lld s", seconds);
    else if (seconds < 7200)
        snprintf(buffer, VIEW_AGO_MAX, "%lld min", seconds / 60);
    else if (seconds < 172800)
        snprintf(buffer, VIEW_AGO_MAX, "%lld h", seconds / 3600);
    else
        snprintf(buffer, VIEW_AGO_MAX, "%lld days", seconds / 86400);
    return buffer;
}
