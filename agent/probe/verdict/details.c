/* The facts of a verdict, for -v: each path with its phases, the server's full reply,
 * certificates, capabilities, the mailbox, the hops of a round trip. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/probe/verdict/evaluation.h"
#include "agent/util/decimal.h"
#include "rules/util/memory.h"

enum { PHASES_TEXT_MAX = 512, PATH_NAME_MAX = INET6_ADDRSTRLEN + 16 };

static void path_name(const struct evaluation *evaluation, const struct probe_path *path,
                      char out[PATH_NAME_MAX])
{
    if (path->address[0] != '\0')
        snprintf(out, PATH_NAME_MAX, "%s %s", family_name(path->family), path->address);
    else
        snprintf(out, PATH_NAME_MAX, "%s",
                 evaluation->probe->type == PROBE_ROUNDTRIP ? "submission" : "no address");
}

/* ---- a path ---- */

static void phases_text(const struct phase_clock *clock, char out[PHASES_TEXT_MAX])
{
    size_t len = 0;
    char number[DECIMAL_TEXT_MAX];

    out[0] = '\0';
    for (enum phase phase = PHASE_RESOLVE; phase < PHASE_COUNT; phase++) {
        if (!clock->ran[phase])
            continue;
        decimal_text((double)clock->microseconds[phase] / 1e6, number);
        len += (size_t)snprintf(out + len, PHASES_TEXT_MAX - len, "%s%s %s s", len > 0 ? ", " : "",
                                phase_text(phase), number);
    }
}

static void path_details(struct evaluation *evaluation, const struct probe_path *path,
                         const char *name)
{
    char phases[PHASES_TEXT_MAX], total[DECIMAL_TEXT_MAX];

    phases_text(&path->clock, phases);
    decimal_text((double)phase_clock_total(&path->clock) / 1e6, total);
    evaluation_detail(evaluation, "%s: %s s%s%s", name, total, phases[0] != '\0' ? ": " : "",
                      phases);
    if (path->failed != PHASE_NONE) {
        evaluation_detail(evaluation, "%s: %s failed%s: %s", name, phase_text(path->failed),
                          path->temporary ? " temporarily" : "", path->reason);
        if (path->reply[0] != '\0')
            evaluation_detail(evaluation, "%s: server reply: %s", name, path->reply);
    }
    if (path->tls_version[0] != '\0')
        evaluation_detail(evaluation, "%s: %s", name, path->tls_version);
    if (path->capabilities != NULL)
        evaluation_detail(evaluation, "%s: capabilities: %s", name, path->capabilities);
}

static void certificate_details(struct evaluation *evaluation,
                                const struct certificate_chain *chain, const char *name)
{
    char begin[DATE_TEXT_MAX], end[DATE_TEXT_MAX];

    if (chain->verified)
        evaluation_detail(evaluation, "%s: certificate verified", name);
    else
        evaluation_detail(evaluation, "%s: certificate not verified: %s", name, chain->error);
    for (size_t i = 0; i < chain->count; i++) {
        const struct certificate *member = &chain->members[i];
        date_text(member->not_before, begin);
        date_text(member->not_after, end);
        evaluation_detail(evaluation,
                          "%s: certificate %zu: %s, from %s to %s, issued by %s, SHA-256 %s", name,
                          i + 1, member->subject, begin, end, member->issuer, member->sha256);
    }
    if (chain->sent > chain->count)
        evaluation_detail(evaluation, "%s: %zu further certificates were sent", name,
                          chain->sent - chain->count);
}

/* ---- the mailbox ---- */

static void mailbox_details(struct evaluation *evaluation, const struct probe_imap_facts *facts)
{
    char age[DURATION_TEXT_MAX];

    evaluation_detail(evaluation, "folder %s: %" PRIu32 " messages", evaluation->probe->folder,
                      facts->messages);
    if (facts->newest != 0) {
        duration_text(evaluation_age(evaluation, facts->newest), age);
        evaluation_detail(evaluation, "newest message: %s old", age);
    }
    if (facts->oldest != 0) {
        duration_text(evaluation_age(evaluation, facts->oldest), age);
        evaluation_detail(evaluation, "oldest message: %s old", age);
    }
    if (facts->storage_limit != 0)
        evaluation_detail(evaluation, "quota: %" PRIu64 " of %" PRIu64 " bytes",
                          facts->storage_used, facts->storage_limit);
    if (facts->messages_limit != 0)
        evaluation_detail(evaluation, "quota: %" PRIu64 " of %" PRIu64 " messages",
                          facts->messages_used, facts->messages_limit);
}

static void pop3_details(struct evaluation *evaluation, const struct pop3_facts *facts)
{
    evaluation_detail(evaluation, "%" PRIu64 " messages, %" PRIu64 " bytes%s%s", facts->messages,
                      facts->octets, facts->newest_uidl[0] != '\0' ? ", the newest is " : "",
                      facts->newest_uidl);
}

static void facts_details(struct evaluation *evaluation)
{
    const struct probe *probe = evaluation->probe;
    const struct probe_path *path = probe_result_good_path(evaluation->result);

    if (path == NULL || probe->account == NULL)
        return;
    if (probe->type == PROBE_POP3)
        pop3_details(evaluation, &path->pop3);
    else if (probe->type == PROBE_IMAP || probe->type == PROBE_MAILBOX)
        mailbox_details(evaluation, &path->imap);
}

/* ---- a round trip ---- */

static void delay_details(struct evaluation *evaluation, const struct roundtrip_facts *facts)
{
    char least[DECIMAL_TEXT_MAX], most[DECIMAL_TEXT_MAX];

    for (enum path_part part = PATH_OUT; part < PATH_PARTS; part++) {
        decimal_text(facts->delay_min[part], least);
        decimal_text(facts->delay_max[part], most);
        evaluation_detail(evaluation, "delay %s: between %s and %s s", path_part_name(part), least,
                          most);
    }
    decimal_text(facts->offset_min, least);
    decimal_text(facts->offset_max, most);
    evaluation_detail(evaluation, "the reflector's clock is ahead by between %s and %s s", least,
                      most);
}

static void hop_details(struct evaluation *evaluation, const struct roundtrip_facts *facts)
{
    for (size_t i = 0; i < facts->n_hops; i++)
        evaluation_detail(evaluation, "hop %zu: %" PRId64 " s%s", i + 1, facts->hop_seconds[i],
                          facts->hop_seconds[i] < 0 ? " (the clocks disagree)" : "");
}

static void roundtrip_details(struct evaluation *evaluation, const struct roundtrip_facts *facts)
{
    char age[DURATION_TEXT_MAX];

    evaluation_detail(evaluation, "%s, %s", roundtrip_verdict_text(facts->verdict),
                      facts->by_reflector ? "answered by the reflector"
                                          : "not signed by a reflector");
    if (facts->placement != PLACEMENT_NONE)
        evaluation_detail(evaluation, "placement: %s, seen by %s", placement_text(facts->placement),
                          facts->seen_by != NULL ? facts->seen_by : "unknown");
    evaluation_detail(evaluation, "authentication: spf %s, dkim %s, dmarc %s",
                      auth_result_text(facts->auth[AUTH_SPF]),
                      auth_result_text(facts->auth[AUTH_DKIM]),
                      auth_result_text(facts->auth[AUTH_DMARC]));
    if (facts->has_delays)
        delay_details(evaluation, facts);
    hop_details(evaluation, facts);
    if (facts->outstanding == 0)
        return;
    duration_text(fmax(difftime(evaluation->now, facts->oldest_outstanding), 0), age);
    evaluation_detail(evaluation, "outstanding: %" PRIu64 "%s%s", facts->outstanding,
                      facts->oldest_outstanding != 0 ? ", the oldest since " : "",
                      facts->oldest_outstanding != 0 ? age : "");
}

void evaluation_add_details(struct evaluation *evaluation)
{
    const struct probe_result *result = evaluation->result;
    char name[PATH_NAME_MAX];

    for (size_t i = 0; i < result->n_paths; i++) {
        path_name(evaluation, &result->paths[i], name);
        path_details(evaluation, &result->paths[i], name);
        if (result->paths[i].certificates != NULL)
            certificate_details(evaluation, result->paths[i].certificates, name);
    }
    facts_details(evaluation);
    if (result->has_roundtrip)
        roundtrip_details(evaluation, &result->roundtrip);
}
