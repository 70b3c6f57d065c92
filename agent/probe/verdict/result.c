#include "agent/probe/verdict/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/util/memory.h"

struct probe_result *probe_result_new(const struct probe *probe)
{
    struct probe_result *result = xcalloc(1, sizeof(*result));

    result->at = time(NULL);
    result->type = probe->type;
    result->roundtrip.duration = -1;
    for (size_t i = 0; i < PROBE_PATHS_MAX; i++) {
        result->paths[i].clock.current = PHASE_NONE;
        result->paths[i].failed = PHASE_NONE;
    }
    return result;
}

void probe_result_free(struct probe_result *result)
{
    if (result == NULL)
        return;
    for (size_t i = 0; i < PROBE_PATHS_MAX; i++) {
        free(result->paths[i].capabilities);
        free(result->paths[i].certificates);
    }
    free(result->trouble);
    free(result);
}

const struct probe_path *probe_result_good_path(const struct probe_result *result)
{
    for (size_t i = 0; i < result->n_paths; i++)
        if (result->paths[i].failed == PHASE_NONE)
            return &result->paths[i];
    return NULL;
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "");
}

void probe_path_set_outcome(struct probe_path *path, const struct dialogue_outcome *outcome)
{
    phase_clock_enter(&path->clock, PHASE_NONE);
    path->end = outcome->end;
    path->failed = outcome->end == DIALOGUE_OK ? PHASE_NONE : outcome->phase;
    path->code = outcome->code;
    path->temporary = outcome->temporary;
    copy_text(path->command, sizeof(path->command), outcome->command);
    copy_text(path->reason, sizeof(path->reason), outcome->reason);
    copy_text(path->reply, sizeof(path->reply), outcome->reply);
    copy_text(path->tls_version, sizeof(path->tls_version), outcome->tls_version);
    free(path->capabilities);
    path->capabilities = outcome->capabilities != NULL ? xstrdup(outcome->capabilities) : NULL;
    free(path->certificates);
    path->certificates = NULL;
    if (outcome->certificates != NULL) {
        path->certificates = xmalloc(sizeof(*path->certificates));
        *path->certificates = *outcome->certificates;
    }
}

const char *path_part_name(enum path_part part)
{
    static const char *const texts[PATH_PARTS] = {
        [PATH_OUT] = "out", [PATH_REFLECTOR] = "reflector", [PATH_BACK] = "back"};
    return (size_t)part < PATH_PARTS ? texts[part] : "unknown";
}

const char *roundtrip_verdict_text(enum roundtrip_verdict verdict)
{
    static const char *const texts[] = {
        [ROUNDTRIP_OUTSTANDING] = "outstanding",
        [ROUNDTRIP_RETURNED] = "returned",
        [ROUNDTRIP_LATE] = "late",
        [ROUNDTRIP_LOST] = "lost",
        [ROUNDTRIP_UNCERTAIN] = "uncertain",
        [ROUNDTRIP_REJECTED] = "rejected",
    };
    return texts[verdict];
}

const char *placement_text(enum placement placement)
{
    static const char *const texts[] = {
        [PLACEMENT_NONE] = "none",
        [PLACEMENT_INBOX] = "inbox",
        [PLACEMENT_JUNK] = "spam",
        [PLACEMENT_OTHER] = "other",
    };
    return texts[placement];
}

const char *auth_method_text(enum auth_method method)
{
    static const char *const texts[AUTH_METHODS] = {
        [AUTH_SPF] = "spf",
        [AUTH_DKIM] = "dkim",
        [AUTH_DMARC] = "dmarc",
    };
    return texts[method];
}

const char *auth_result_text(enum auth_result result)
{
    static const char *const texts[AUTH_RESULTS] = {
        [AUTH_ABSENT] = "absent",
        [AUTH_PASS] = "pass",
        [AUTH_FAIL] = "fail",
        [AUTH_OTHER] = "other",
    };
    return texts[result];
}
