/* A result and its verdict as JSON, for programs. */
#include <math.h>

#include "agent/probe/verdict/verdict.h"

static const char *family_text(int family)
{
    if (family == AF_INET6)
        return "ipv6";
    return family == AF_INET ? "ipv4" : NULL;
}

static const char *end_text(enum dialogue_end end)
{
    static const char *const texts[] = {
        [DIALOGUE_OK] = "ok",
        [DIALOGUE_RESOLVE] = "resolve",
        [DIALOGUE_CONNECT] = "connect",
        [DIALOGUE_TLS] = "tls",
        [DIALOGUE_PROTOCOL] = "protocol",
        [DIALOGUE_AUTH] = "auth",
        [DIALOGUE_REFUSED] = "refused",
        [DIALOGUE_TIMEOUT] = "timeout",
        [DIALOGUE_CLOSED] = "closed",
    };
    return texts[end];
}

static const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* ---- a path ---- */

static void write_certificates(struct json *json, const struct certificate_chain *chain)
{
    json_object(json, "certificates");
    json_bool(json, "verified", chain->verified);
    json_string(json, "error", text_or_null(chain->error));
    json_time(json, "earliest_expiry", chain->earliest_expiry);
    json_time(json, "verified_expiry", chain->verified_expiry);
    json_number(json, "sent", (int64_t)chain->sent);
    json_array(json, "members");
    for (size_t i = 0; i < chain->count; i++) {
        json_object(json, NULL);
        json_string(json, "subject", chain->members[i].subject);
        json_string(json, "issuer", chain->members[i].issuer);
        json_time(json, "not_before", chain->members[i].not_before);
        json_time(json, "not_after", chain->members[i].not_after);
        json_string(json, "sha256", chain->members[i].sha256);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static void write_phases(struct json *json, const struct phase_clock *clock)
{
    json_object(json, "phases");
    for (enum phase phase = PHASE_RESOLVE; phase < PHASE_COUNT; phase++)
        if (clock->ran[phase])
            json_double(json, phase_text(phase), (double)clock->microseconds[phase] / 1e6);
    json_object_end(json);
}

static void write_path(struct json *json, const struct probe_path *path)
{
    json_object(json, NULL);
    json_string(json, "family", family_text(path->family));
    json_string(json, "address", text_or_null(path->address));
    json_bool(json, "success", path->failed == PHASE_NONE);
    json_string(json, "phase", phase_text(path->failed));
    if (path->failed != PHASE_NONE) {
        json_string(json, "end", end_text(path->end));
        json_string(json, "command", text_or_null(path->command));
        json_number(json, "code", path->code);
        json_bool(json, "temporary", path->temporary);
        json_string(json, "reason", text_or_null(path->reason));
        json_string(json, "reply", text_or_null(path->reply));
    }
    json_double(json, "seconds", (double)phase_clock_total(&path->clock) / 1e6);
    write_phases(json, &path->clock);
    json_string(json, "tls", text_or_null(path->tls_version));
    json_string(json, "capabilities", path->capabilities);
    if (path->certificates != NULL)
        write_certificates(json, path->certificates);
    json_object_end(json);
}

/* ---- the mailbox ---- */

static void write_mailbox(struct json *json, const struct probe_imap_facts *facts)
{
    json_object(json, "mailbox");
    json_number(json, "messages", facts->messages);
    json_time(json, "newest", facts->newest);
    json_time(json, "oldest", facts->oldest);
    json_number(json, "storage_used", (int64_t)facts->storage_used);
    json_number(json, "storage_limit", (int64_t)facts->storage_limit);
    json_number(json, "messages_used", (int64_t)facts->messages_used);
    json_number(json, "messages_limit", (int64_t)facts->messages_limit);
    json_object_end(json);
}

static void write_pop3(struct json *json, const struct pop3_facts *facts)
{
    json_object(json, "maildrop");
    json_number(json, "messages", (int64_t)facts->messages);
    json_number(json, "octets", (int64_t)facts->octets);
    json_string(json, "newest_uidl", text_or_null(facts->newest_uidl));
    json_object_end(json);
}

static const struct probe_path *failed_path(const struct probe_result *result)
{
    for (size_t i = 0; i < result->n_paths; i++)
        if (result->paths[i].failed != PHASE_NONE)
            return &result->paths[i];
    return NULL;
}

static void write_facts(struct json *json, const struct probe *probe,
                        const struct probe_result *result)
{
    const struct probe_path *path = probe_result_good_path(result);

    if (path == NULL || probe->account == NULL)
        return;
    if (probe->type == PROBE_IMAP || probe->type == PROBE_MAILBOX)
        write_mailbox(json, &path->imap);
    else if (probe->type == PROBE_POP3)
        write_pop3(json, &path->pop3);
}

/* ---- a round trip ---- */

static void write_bounds(struct json *json, const char *key, double least, double most)
{
    json_object(json, key);
    json_double(json, "min", least);
    json_double(json, "max", most);
    json_object_end(json);
}

static void write_delays(struct json *json, const struct roundtrip_facts *facts)
{
    json_object(json, "legs");
    for (enum path_part part = PATH_OUT; part < PATH_PARTS; part++)
        write_bounds(json, path_part_name(part), facts->delay_min[part], facts->delay_max[part]);
    json_object_end(json);
    write_bounds(json, "clock_offset", facts->offset_min, facts->offset_max);
}

static void write_roundtrip(struct json *json, const struct roundtrip_facts *facts)
{
    json_object(json, "roundtrip");
    json_string(json, "verdict", roundtrip_verdict_text(facts->verdict));
    json_double(json, "seconds", facts->duration >= 0 ? (double)facts->duration / 1e6 : NAN);
    json_string(json, "placement", placement_text(facts->placement));
    json_string(json, "seen_by", facts->seen_by);
    json_bool(json, "by_reflector", facts->by_reflector);
    json_object(json, "authentication");
    for (enum auth_method method = AUTH_SPF; method < AUTH_METHODS; method++)
        json_string(json, auth_method_text(method), auth_result_text(facts->auth[method]));
    json_object_end(json);
    if (facts->has_delays)
        write_delays(json, facts);
    json_array(json, "hops");
    for (size_t i = 0; i < facts->n_hops; i++)
        json_number(json, NULL, facts->hop_seconds[i]);
    json_array_end(json);
    json_number(json, "outstanding", (int64_t)facts->outstanding);
    json_time(json, "oldest_outstanding", facts->oldest_outstanding);
    json_object_end(json);
}

/* ---- the whole ---- */

static void write_perfdata(struct json *json, const struct probe_verdict *verdict)
{
    char warn[RANGE_TEXT_MAX], crit[RANGE_TEXT_MAX];

    json_array(json, "perfdata");
    for (size_t i = 0; i < verdict->n_perfdata; i++) {
        const struct perfdata *figure = &verdict->perfdata[i];
        range_text(&figure->warn, warn);
        range_text(&figure->crit, crit);
        json_object(json, NULL);
        json_string(json, "label", figure->label);
        json_double(json, "value", figure->value);
        json_string(json, "unit", figure->unit);
        json_string(json, "warn", text_or_null(warn));
        json_string(json, "crit", text_or_null(crit));
        json_object_end(json);
    }
    json_array_end(json);
}

void probe_json(struct json *json, const struct probe *probe, const struct probe_result *result,
                const struct probe_verdict *verdict)
{
    const struct probe_path *failed = failed_path(result);

    json_string(json, "probe", probe->name);
    json_string(json, "type", probe_type_text(probe->type));
    json_string(json, "server", probe->server->name);
    json_time(json, "at", result->at);
    json_string(json, "status", probe_status_text(verdict->status));
    json_string(json, "summary", verdict->summary);
    json_double(json, "seconds", (double)result->microseconds / 1e6);
    json_string(json, "phase", phase_text(failed != NULL ? failed->failed : PHASE_NONE));
    json_string(json, "reply", failed != NULL ? text_or_null(failed->reply) : NULL);
    json_string(json, "trouble", result->trouble);
    json_array(json, "paths");
    for (size_t i = 0; i < result->n_paths; i++)
        write_path(json, &result->paths[i]);
    json_array_end(json);
    write_facts(json, probe, result);
    if (result->has_roundtrip)
        write_roundtrip(json, &result->roundtrip);
    write_perfdata(json, verdict);
}
