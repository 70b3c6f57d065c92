/*
 * What one run of a probe found: facts, not yet evaluated (that is probe/verdict/verdict.h).
 *
 * A service is checked over each address family separately: one path each, at most two. When the
 * name cannot be resolved, or for a round trip, there is one path.
 * Ownership: probe_result_free(). Units: microseconds, seconds since 1970.
 */
#ifndef AGENT_PROBE_VERDICT_RESULT_H
#define AGENT_PROBE_VERDICT_RESULT_H

#include <netinet/in.h>

#include "agent/config/config.h"
#include "agent/probe/dialogue/dialogue.h"
#include "agent/probe/dialogue/imap.h"
#include "agent/probe/dialogue/pop3.h"

#define PROBE_PATHS_MAX 2

struct probe_path {
    int family;                     /* AF_INET, AF_INET6; 0: unknown */
    char address[INET6_ADDRSTRLEN]; /* "" if none */
    struct phase_clock clock;
    enum dialogue_end end;
    enum phase failed; /* PHASE_NONE: nothing failed */
    char command[16];
    unsigned code;
    bool temporary;
    char reason[DIALOGUE_TEXT_MAX], reply[DIALOGUE_TEXT_MAX];
    char tls_version[16];
    char *capabilities;                     /* NULL: none seen */
    struct certificate_chain *certificates; /* NULL: none seen */
    struct pop3_facts pop3;
    struct probe_imap_facts imap;
};

enum roundtrip_verdict {
    ROUNDTRIP_OUTSTANDING,
    ROUNDTRIP_RETURNED,
    ROUNDTRIP_LATE, /* after crit, before lost */
    ROUNDTRIP_LOST,
    ROUNDTRIP_UNCERTAIN,
    ROUNDTRIP_REJECTED,
};
enum placement { PLACEMENT_NONE, PLACEMENT_INBOX, PLACEMENT_JUNK, PLACEMENT_OTHER };
enum auth_method { AUTH_SPF, AUTH_DKIM, AUTH_DMARC, AUTH_METHODS };
enum auth_result { AUTH_ABSENT, AUTH_PASS, AUTH_FAIL, AUTH_OTHER, AUTH_RESULTS }; /* of RFC 8601 */

/* Of the way of a round trip. */
enum path_part { PATH_OUT, PATH_REFLECTOR, PATH_BACK, PATH_PARTS };

#define ROUNDTRIP_HOPS_MAX 20

struct roundtrip_facts {
    enum roundtrip_verdict verdict;
    int64_t duration; /* microseconds, -1: not back yet */
    enum placement placement;
    enum auth_result auth[AUTH_METHODS];
    bool by_reflector; /* the answer was signed; false: the probe itself came back, forwarded */
    bool has_delays;
    double delay_min[PATH_PARTS], delay_max[PATH_PARTS]; /* seconds: bounds; path_delay.h */
    double offset_min, offset_max;                       /* of the reflector's clock */
    size_t n_hops;
    int64_t hop_seconds[ROUNDTRIP_HOPS_MAX]; /* oldest first; negative: the clocks disagree */
    const char *seen_by;                     /* "idle", "noop", "poll": constant */
    uint64_t outstanding;                    /* of this probe, now */
    time_t oldest_outstanding;               /* 0: none */
};

struct probe_result {
    time_t at; /* when it began */
    enum probe_type type;
    uint64_t microseconds; /* the longest path; a round trip's duration */
    size_t n_paths;
    struct probe_path paths[PROBE_PATHS_MAX];
    /* Why it could not be run at all (a secret file, a CA file): UNKNOWN, the service is not to
     * blame. NULL: it ran. */
    char *trouble;
    bool has_roundtrip;
    struct roundtrip_facts roundtrip;
};

struct probe_result *probe_result_new(const struct probe *probe);
void probe_result_free(struct probe_result *result);
/* The first path on which nothing failed; NULL: none. */
const struct probe_path *probe_result_good_path(const struct probe_result *result);
/* Copies the outcome into the path and stops its clock. */
void probe_path_set_outcome(struct probe_path *path, const struct dialogue_outcome *outcome);

const char *roundtrip_verdict_text(enum roundtrip_verdict verdict);
const char *placement_text(enum placement placement); /* "none" "inbox" "spam" "other" */
const char *auth_method_text(enum auth_method method);
const char *auth_result_text(enum auth_result result);
const char *path_part_name(enum path_part part); /* "out" "reflector" "back" */

#endif
