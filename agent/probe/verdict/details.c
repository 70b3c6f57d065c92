/* What stands behind a verdict, for -v: each path with its phases, the server's whole words,
 * certificates, capabilities, the mailbox, the way of a round trip. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/probe/roundtrip/legs.h"
#include "agent/probe/verdict/judge.h"
#include "agent/util/decimal.h"
#include "rules/util/memory.h"

enum { PHASES_TEXT_MAX = 512, PATH_NAME_MAX = INET6_ADDRSTRLEN + 16 };

static void path_name(const struct judge *judge, const struct probe_path *path,
                      char out[PATH_NAME_MAX])
{
    if (path->address[0] != '\0')
        snprintf(out, PATH_NAME_MAX, "%s %s", judge_family(path->family), path->address);
    else
        snprintf(out, PATH_NAME_MAX, "%s",
                 judge->probe->type == PROBE_ROUNDTRIP ? "submission" : "no address");
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

static void path_details(struct judge *judge, const struct probe_path *path, const char *name)
{
    char phases[PHASES_TEXT_MAX], total[DECIMAL_TEXT_MAX];

    phases_text(&path->clock, phases);
    decimal_text((double)phase_clock_total(&path->clock) / 1e6, total);
    judge_detail(judge, "%s: %s s%s%s", name, total, phases[0] != '\0' ? ": " : "", phases);
    if (path->failed != PHASE_NONE) {
        judge_detail(judge, "%s: %s failed%s: %s", name, phase_text(path->failed),
                     path->temporary ? " for now" : "", path->reason);
        if (path->reply[0] != '\0')
            judge_detail(judge, "%s: the server said: %s", name, path->reply);
    }
    if (path->tls_version[0] != '\0')
        judge_detail(judge, "%s: %s", name, path->tls_version);
    if (path->capabilities != NULL)
        judge_detail(judge, "%s: capabilities: %s", name, path->capabilities);
}

static void certificate_details(struct judge *judge, const struct certificate_chain *chain,
                                const char *name)
{
    char begin[JUDGE_DATE_MAX], end[JUDGE_DATE_MAX];

    if (chain->verified)
        judge_detail(judge, "%s: certificate verified", name);
    else
        judge_detail(judge, "%s: certificate not verified: %s", name, chain->error);
    for (size_t i = 0; i < chain->count; i++) {
        const struct certificate *member = &chain->members[i];
        judge_date(member->not_before, begin);
        judge_date(member->not_after, end);
        judge_detail(judge, "%s: certificate %zu: %s, from %s to %s, issued by %s, SHA-256 %s",
                     name, i + 1, member->subject, begin, end, member->issuer, member->sha256);
    }
    if (chain->sent > chain->count)
        judge_detail(judge, "%s: %zu further certificates were sent", name,
                     chain->sent - chain->count);
}

/* ---- what was found inside ---- */

static void mailbox_details(struct judge *judge, const struct probe_imap_facts *facts)
{
    char age[JUDGE_SPAN_MAX];

    judge_detail(judge, "folder %s: %" PRIu32 " messages", judge->probe->folder, facts->messages);
    if (facts->newest != 0) {
        judge_span(judge_age(judge, facts->newest), age);
        judge_detail(judge, "newest message: %s old", age);
    }
    if (facts->oldest != 0) {
        judge_span(judge_age(judge, facts->oldest), age);
        judge_detail(judge, "oldest message: %s old", age);
    }
    if (facts->storage_limit != 0)
        judge_detail(judge, "quota: %" PRIu64 " of %" PRIu64 " octets", facts->storage_used,
                     facts->storage_limit);
    if (facts->messages_limit != 0)
        judge_detail(judge, "quota: %" PRIu64 " of %" PRIu64 " messages", facts->messages_used,
                     facts->messages_limit);
}

static void pop3_details(struct judge *judge, const struct pop3_facts *facts)
{
    judge_detail(judge, "%" PRIu64 " messages, %" PRIu64 " octets%s%s", facts->messages,
                 facts->octets, facts->newest_uidl[0] != '\0' ? ", the newest is " : "",
                 facts->newest_uidl);
}

static void facts_details(struct judge *judge)
{
    const struct probe *probe = judge->probe;
    const struct probe_path *path = judge_well_path(judge->result);

    if (path == NULL || probe->account == NULL)
        return;
    if (probe->type == PROBE_POP3)
        pop3_details(judge, &path->pop3);
    else if (probe->type == PROBE_IMAP || probe->type == PROBE_MAILBOX)
        mailbox_details(judge, &path->imap);
}

/* ---- a round trip ---- */

static void leg_details(struct judge *judge, const struct roundtrip_facts *facts)
{
    char least[DECIMAL_TEXT_MAX], most[DECIMAL_TEXT_MAX];

    for (enum leg leg = LEG_OUT; leg < LEG_COUNT; leg++) {
        decimal_text(facts->leg_min[leg], least);
        decimal_text(facts->leg_max[leg], most);
        judge_detail(judge, "leg %s: between %s and %s s", leg_text(leg), least, most);
    }
    decimal_text(facts->offset_min, least);
    decimal_text(facts->offset_max, most);
    judge_detail(judge, "the reflector's clock is ahead by between %s and %s s", least, most);
}

static void hop_details(struct judge *judge, const struct roundtrip_facts *facts)
{
    for (size_t i = 0; i < facts->n_hops; i++)
        judge_detail(judge, "hop %zu: %" PRId64 " s%s", i + 1, facts->hop_seconds[i],
                     facts->hop_seconds[i] < 0 ? " (the clocks disagree)" : "");
}

static void roundtrip_details(struct judge *judge, const struct roundtrip_facts *facts)
{
    char age[JUDGE_SPAN_MAX];

    judge_detail(judge, "%s, %s", roundtrip_verdict_text(facts->verdict),
                 facts->by_reflector ? "answered by the reflector" : "not signed by a reflector");
    if (facts->placement != PLACEMENT_NONE)
        judge_detail(judge, "placement: %s, seen by %s", placement_text(facts->placement),
                     facts->seen_by != NULL ? facts->seen_by : "nobody");
    judge_detail(judge, "authentication: spf %s, dkim %s, dmarc %s",
                 auth_result_text(facts->auth[AUTH_SPF]), auth_result_text(facts->auth[AUTH_DKIM]),
                 auth_result_text(facts->auth[AUTH_DMARC]));
    if (facts->has_legs)
        leg_details(judge, facts);
    hop_details(judge, facts);
    if (facts->outstanding == 0)
        return;
    judge_span(fmax(difftime(judge->now, facts->oldest_outstanding), 0), age);
    judge_detail(judge, "outstanding: %" PRIu64 "%s%s", facts->outstanding,
                 facts->oldest_outstanding != 0 ? ", the oldest since " : "",
                 facts->oldest_outstanding != 0 ? age : "");
}

void judge_details(struct judge *judge)
{
    const struct probe_result *result = judge->result;
    char name[PATH_NAME_MAX];

    for (size_t i = 0; i < result->n_paths; i++) {
        path_name(judge, &result->paths[i], name);
        path_details(judge, &result->paths[i], name);
        if (result->paths[i].certificates != NULL)
            certificate_details(judge, result->paths[i].certificates, name);
    }
    facts_details(judge);
    if (result->has_roundtrip)
        roundtrip_details(judge, &result->roundtrip);
}
