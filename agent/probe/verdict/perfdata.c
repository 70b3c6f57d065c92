/* The figures of a run; probe/verdict/verdict.h says which and why in that order. */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/probe/roundtrip/legs.h"
#include "agent/probe/verdict/judge.h"
#include "rules/util/memory.h"

/* Takes the label over. */
static struct perfdata *figure(struct judge *judge, char *label, double value, const char *unit)
{
    struct probe_verdict *verdict = judge->verdict;

    verdict->perfdata =
        xreallocarray(verdict->perfdata, verdict->n_perfdata + 1, sizeof(*verdict->perfdata));
    struct perfdata *added = &verdict->perfdata[verdict->n_perfdata++];
    *added = (struct perfdata){.label = label, .value = value, .unit = unit, .min = 0, .max = NAN};
    return added;
}

static void judged(struct judge *judge, const char *label, double value, const char *unit,
                   const struct range *warn, const struct range *crit)
{
    struct perfdata *added = figure(judge, xstrdup(label), value, unit);

    added->warn = *warn;
    added->crit = *crit;
}

/* ---- what is known of every run ---- */

static struct range days_range(unsigned seconds)
{
    return (struct range){.set = seconds > 0, .start = seconds / 86400.0, .end = INFINITY};
}

static void certificate_figures(struct judge *judge)
{
    const struct probe *probe = judge->probe;
    struct range warn = days_range(probe->cert_warn), crit = days_range(probe->cert_crit);

    if (probe_endpoint(probe)->security == SECURITY_PLAIN)
        return;
    judged(judge, "cert_days", judge_certificate_days(judge), "", &warn, &crit);
    judge->verdict->perfdata[judge->verdict->n_perfdata - 1].min = NAN; /* expired: below 0 */
}

static void service_figures(struct judge *judge)
{
    const struct probe *probe = judge->probe;
    const struct probe_path *path = judge_well_path(judge->result);
    bool signs_in = probe->account != NULL || probe->login != NULL;
    double seconds = judge->result->n_paths > 0 ? (double)judge->result->microseconds / 1e6 : NAN;

    judged(judge, "time", seconds, "s", &probe->warn, &probe->crit);
    certificate_figures(judge);
    if (!signs_in)
        return;
    if (probe->type == PROBE_IMAP)
        figure(judge, xstrdup("messages"), path != NULL ? (double)path->imap.messages : NAN, "");
    if (probe->type == PROBE_POP3) {
        figure(judge, xstrdup("messages"), path != NULL ? (double)path->pop3.messages : NAN, "");
        figure(judge, xstrdup("octets"), path != NULL ? (double)path->pop3.octets : NAN, "B");
    }
}

static void mailbox_figures(struct judge *judge)
{
    const struct probe *probe = judge->probe;
    const struct probe_path *path = judge_well_path(judge->result);
    double quota = path != NULL ? judge_quota_percent(&path->imap) : NAN;

    judged(judge, "newest_age", judge_age(judge, path != NULL ? path->imap.newest : 0), "s",
           &probe->newest_warn, &probe->newest_crit);
    judged(judge, "oldest_age", judge_age(judge, path != NULL ? path->imap.oldest : 0), "s",
           &probe->oldest_warn, &probe->oldest_crit);
    judged(judge, "messages", path != NULL ? (double)path->imap.messages : NAN, "",
           &probe->count_warn, &probe->count_crit);
    judged(judge, "quota", quota, "%", &probe->quota_warn, &probe->quota_crit);
}

static void roundtrip_figures(struct judge *judge)
{
    const struct roundtrip_facts *facts = &judge->result->roundtrip;
    bool ran = judge->result->has_roundtrip;
    double duration = ran && facts->duration >= 0 ? (double)facts->duration / 1e6 : NAN;

    judged(judge, "duration", duration, "s", &judge->probe->warn, &judge->probe->crit);
    figure(judge, xstrdup("outstanding"), ran ? (double)facts->outstanding : NAN, "");
    certificate_figures(judge);
}

/* ---- what this run was made of ---- */

static bool is_address(const char *host)
{
    unsigned char octets[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, octets) == 1 || inet_pton(AF_INET6, host, octets) == 1;
}

/* Whether it is only by the run that one can tell which families there are. */
static bool either_family(const struct probe *probe)
{
    return probe->type != PROBE_ROUNDTRIP && probe->family == AF_UNSPEC &&
           !is_address(probe_endpoint(probe)->host);
}

static void path_figures(struct judge *judge, const struct probe_path *path)
{
    const struct probe *probe = judge->probe;
    const char *suffix = "";

    if (either_family(probe)) {
        if (path->family != AF_INET6 && path->family != AF_INET)
            return;
        suffix = path->family == AF_INET6 ? "_ipv6" : "_ipv4";
        struct perfdata *total = figure(judge, xasprintf("time%s", suffix),
                                        (double)phase_clock_total(&path->clock) / 1e6, "s");
        total->warn = probe->warn;
        total->crit = probe->crit;
    }
    for (enum phase phase = PHASE_CONNECT; phase < PHASE_COUNT; phase++) {
        if (path->clock.ran[phase])
            figure(judge, xasprintf("time_%s%s", phase_text(phase), suffix),
                   (double)path->clock.microseconds[phase] / 1e6, "s");
    }
}

/* The name is resolved once, for both families. */
static void resolve_figure(struct judge *judge)
{
    const struct probe_result *result = judge->result;
    uint64_t longest = 0;
    bool ran = false;

    for (size_t i = 0; i < result->n_paths; i++) {
        const struct phase_clock *clock = &result->paths[i].clock;
        ran = ran || clock->ran[PHASE_RESOLVE];
        if (clock->microseconds[PHASE_RESOLVE] > longest)
            longest = clock->microseconds[PHASE_RESOLVE];
    }
    if (ran)
        figure(judge, xstrdup("time_resolve"), (double)longest / 1e6, "s");
}

static void leg_figures(struct judge *judge)
{
    const struct roundtrip_facts *facts = &judge->result->roundtrip;

    if (!judge->result->has_roundtrip || !facts->has_legs)
        return;
    for (enum leg leg = LEG_OUT; leg < LEG_COUNT; leg++) {
        figure(judge, xasprintf("leg_%s_min", leg_text(leg)), facts->leg_min[leg], "s");
        figure(judge, xasprintf("leg_%s_max", leg_text(leg)), facts->leg_max[leg], "s");
    }
    figure(judge, xstrdup("clock_offset_min"), facts->offset_min, "s")->min = NAN;
    figure(judge, xstrdup("clock_offset_max"), facts->offset_max, "s")->min = NAN;
}

void judge_perfdata(struct judge *judge)
{
    if (judge->probe->type == PROBE_ROUNDTRIP) {
        roundtrip_figures(judge);
    } else {
        if (judge->probe->type == PROBE_MAILBOX)
            mailbox_figures(judge);
        service_figures(judge);
    }
    resolve_figure(judge);
    for (size_t i = 0; i < judge->result->n_paths; i++)
        path_figures(judge, &judge->result->paths[i]);
    leg_figures(judge);
}
