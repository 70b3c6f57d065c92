/* The figures of a run; their order is documented in probe/verdict/verdict.h. */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/probe/verdict/evaluation.h"
#include "rules/util/memory.h"

/* Takes ownership of the label. */
static struct perfdata *figure(struct evaluation *evaluation, char *label, double value,
                               const char *unit)
{
    struct probe_verdict *verdict = evaluation->verdict;

    verdict->perfdata =
        xreallocarray(verdict->perfdata, verdict->n_perfdata + 1, sizeof(*verdict->perfdata));
    struct perfdata *added = &verdict->perfdata[verdict->n_perfdata++];
    *added = (struct perfdata){.label = label, .value = value, .unit = unit, .min = 0, .max = NAN};
    return added;
}

static void figure_with_thresholds(struct evaluation *evaluation, const char *label, double value,
                                   const char *unit, const struct range *warn,
                                   const struct range *crit)
{
    struct perfdata *added = figure(evaluation, xstrdup(label), value, unit);

    added->warn = *warn;
    added->crit = *crit;
}

/* ---- what every run has ---- */

static struct range days_range(unsigned seconds)
{
    return (struct range){.set = seconds > 0, .start = seconds / 86400.0, .end = INFINITY};
}

static void certificate_figures(struct evaluation *evaluation)
{
    const struct probe *probe = evaluation->probe;
    struct range warn = days_range(probe->cert_warn), crit = days_range(probe->cert_crit);

    if (probe_endpoint(probe)->security == SECURITY_PLAIN)
        return;
    figure_with_thresholds(evaluation, "cert_days", evaluation_certificate_days(evaluation), "",
                           &warn, &crit);
    evaluation->verdict->perfdata[evaluation->verdict->n_perfdata - 1].min =
        NAN; /* expired: below 0 */
}

static void service_figures(struct evaluation *evaluation)
{
    const struct probe *probe = evaluation->probe;
    const struct probe_path *path = probe_result_good_path(evaluation->result);
    bool logs_in = probe->account != NULL || probe->login != NULL;
    double seconds =
        evaluation->result->n_paths > 0 ? (double)evaluation->result->microseconds / 1e6 : NAN;

    figure_with_thresholds(evaluation, "time", seconds, "s", &probe->warn, &probe->crit);
    certificate_figures(evaluation);
    if (!logs_in)
        return;
    if (probe->type == PROBE_IMAP)
        figure(evaluation, xstrdup("messages"), path != NULL ? (double)path->imap.messages : NAN,
               "");
    if (probe->type == PROBE_POP3) {
        figure(evaluation, xstrdup("messages"), path != NULL ? (double)path->pop3.messages : NAN,
               "");
        figure(evaluation, xstrdup("octets"), path != NULL ? (double)path->pop3.octets : NAN, "B");
    }
}

static void mailbox_figures(struct evaluation *evaluation)
{
    const struct probe *probe = evaluation->probe;
    const struct probe_path *path = probe_result_good_path(evaluation->result);
    double quota = path != NULL ? quota_percent(&path->imap) : NAN;

    figure_with_thresholds(evaluation, "newest_age",
                           evaluation_age(evaluation, path != NULL ? path->imap.newest : 0), "s",
                           &probe->newest_warn, &probe->newest_crit);
    figure_with_thresholds(evaluation, "oldest_age",
                           evaluation_age(evaluation, path != NULL ? path->imap.oldest : 0), "s",
                           &probe->oldest_warn, &probe->oldest_crit);
    figure_with_thresholds(evaluation, "messages", path != NULL ? (double)path->imap.messages : NAN,
                           "", &probe->count_warn, &probe->count_crit);
    figure_with_thresholds(evaluation, "quota", quota, "%", &probe->quota_warn, &probe->quota_crit);
}

static void roundtrip_figures(struct evaluation *evaluation)
{
    const struct roundtrip_facts *facts = &evaluation->result->roundtrip;
    bool ran = evaluation->result->has_roundtrip;
    double duration = ran && facts->duration >= 0 ? (double)facts->duration / 1e6 : NAN;

    figure_with_thresholds(evaluation, "duration", duration, "s", &evaluation->probe->warn,
                           &evaluation->probe->crit);
    figure(evaluation, xstrdup("outstanding"), ran ? (double)facts->outstanding : NAN, "");
    certificate_figures(evaluation);
}

/* ---- what this run consisted of ---- */

static bool is_address(const char *host)
{
    unsigned char octets[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, octets) == 1 || inet_pton(AF_INET6, host, octets) == 1;
}

/* Whether only the run shows which address families there are. */
static bool either_family(const struct probe *probe)
{
    return probe->type != PROBE_ROUNDTRIP && probe->family == AF_UNSPEC &&
           !is_address(probe_endpoint(probe)->host);
}

static void path_figures(struct evaluation *evaluation, const struct probe_path *path)
{
    const struct probe *probe = evaluation->probe;
    const char *suffix = "";

    if (either_family(probe)) {
        if (path->family != AF_INET6 && path->family != AF_INET)
            return;
        suffix = path->family == AF_INET6 ? "_ipv6" : "_ipv4";
        struct perfdata *total = figure(evaluation, xasprintf("time%s", suffix),
                                        (double)phase_clock_total(&path->clock) / 1e6, "s");
        total->warn = probe->warn;
        total->crit = probe->crit;
    }
    for (enum phase phase = PHASE_CONNECT; phase < PHASE_COUNT; phase++) {
        if (path->clock.ran[phase])
            figure(evaluation, xasprintf("time_%s%s", phase_text(phase), suffix),
                   (double)path->clock.microseconds[phase] / 1e6, "s");
    }
}

/* The name is resolved once, for both families. */
static void resolve_figure(struct evaluation *evaluation)
{
    const struct probe_result *result = evaluation->result;
    uint64_t longest = 0;
    bool ran = false;

    for (size_t i = 0; i < result->n_paths; i++) {
        const struct phase_clock *clock = &result->paths[i].clock;
        ran = ran || clock->ran[PHASE_RESOLVE];
        if (clock->microseconds[PHASE_RESOLVE] > longest)
            longest = clock->microseconds[PHASE_RESOLVE];
    }
    if (ran)
        figure(evaluation, xstrdup("time_resolve"), (double)longest / 1e6, "s");
}

static void delay_figures(struct evaluation *evaluation)
{
    const struct roundtrip_facts *facts = &evaluation->result->roundtrip;

    if (!evaluation->result->has_roundtrip || !facts->has_delays)
        return;
    for (enum path_part part = PATH_OUT; part < PATH_PARTS; part++) {
        figure(evaluation, xasprintf("leg_%s_min", path_part_name(part)), facts->delay_min[part],
               "s");
        figure(evaluation, xasprintf("leg_%s_max", path_part_name(part)), facts->delay_max[part],
               "s");
    }
    figure(evaluation, xstrdup("clock_offset_min"), facts->offset_min, "s")->min = NAN;
    figure(evaluation, xstrdup("clock_offset_max"), facts->offset_max, "s")->min = NAN;
}

void evaluation_add_perfdata(struct evaluation *evaluation)
{
    if (evaluation->probe->type == PROBE_ROUNDTRIP) {
        roundtrip_figures(evaluation);
    } else {
        if (evaluation->probe->type == PROBE_MAILBOX)
            mailbox_figures(evaluation);
        service_figures(evaluation);
    }
    resolve_figure(evaluation);
    for (size_t i = 0; i < evaluation->result->n_paths; i++)
        path_figures(evaluation, &evaluation->result->paths[i]);
    delay_figures(evaluation);
}
