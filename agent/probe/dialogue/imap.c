#include "agent/probe/dialogue/imap.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/probe/dialogue/imap_exchange.h"
#include "agent/session/link.h"
#include "imapclient/session.h"
#include "imapclient/text/printable.h"
#include "imapclient/util/milliseconds.h"
#include "rules/util/memory.h"

enum { CAPABILITIES_MAX = 4096 };

struct probe_imap {
    struct imap_session *session; /* NULL: over */
    struct event *timer;
    struct dialogue_events events;
    void *arg;
    unsigned timeout;
    bool logs_in, look_inside;
    bool fetching, dated, asking_quota, leaving;
    bool is_reporting, abandoned; /* freed while it reported a phase */

    char *folder, *mailbox; /* as configured; as the server has it */
    char separator;
    char *prefix; /* of the personal namespace */

    enum phase phase;
    struct imap_exchange exchange;
    char reason[DIALOGUE_TEXT_MAX];
    char capabilities[CAPABILITIES_MAX];
    struct certificate_chain *certificates;
    struct probe_imap_facts facts;
};

/* ---- reporting ---- */

static void release(struct probe_imap *probe)
{
    free(probe->folder);
    free(probe->mailbox);
    free(probe->prefix);
    free(probe->certificates);
    free(probe);
}

/* false: the owner has freed it. */
static bool enter(struct probe_imap *probe, enum phase phase)
{
    probe->phase = phase;
    if (probe->events.phase == NULL)
        return true;
    probe->is_reporting = true;
    probe->events.phase(probe->arg, phase);
    probe->is_reporting = false;
    if (probe->abandoned) {
        release(probe);
        return false;
    }
    return true;
}

static void add_capability(struct probe_imap *probe, const char *word, size_t len)
{
    size_t used = strlen(probe->capabilities);
    char *upper = xstrndup(word, len);

    text_printable(upper, PRINTABLE_ASCII);
    for (char *c = upper; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    if (used + 1 + len < sizeof(probe->capabilities) && !dialogue_has(probe->capabilities, upper))
        snprintf(probe->capabilities + used, sizeof(probe->capabilities) - used, "%s%s",
                 used > 0 ? " " : "", upper);
    free(upper);
}

static void add_capabilities(struct probe_imap *probe)
{
    const char *at = imap_session_capabilities(probe->session);

    while (*at != '\0') {
        size_t len = strcspn(at, " ");

        if (len > 0)
            add_capability(probe, at, len);
        at += len;
        at += strspn(at, " ");
    }
}

static void keep_certificates(struct probe_imap *probe)
{
    const struct certificate_chain *seen = imap_session_certificates(probe->session);

    if (seen == NULL)
        return;
    probe->certificates = xmalloc(sizeof(*seen));
    *probe->certificates = *seen;
}

static void close_session(struct probe_imap *probe)
{
    imap_session_free(probe->session);
    probe->session = NULL;
    if (probe->timer != NULL)
        event_free(probe->timer);
    probe->timer = NULL;
}

/* The last thing that it does. */
static void finish(struct probe_imap *probe, struct dialogue_outcome *outcome)
{
    /* A constant of OpenSSL, which outlives the session. */
    outcome->tls_version = imap_session_tls_version(probe->session);
    add_capabilities(probe);
    keep_certificates(probe);
    close_session(probe);
    outcome->capabilities = probe->capabilities;
    outcome->certificates = probe->certificates;
    probe->events.done(probe->arg, outcome);
}

static void finish_well(struct probe_imap *probe)
{
    struct dialogue_outcome outcome = {
        .end = DIALOGUE_OK, .phase = PHASE_NONE, .command = "", .reason = "", .reply = ""};

    finish(probe, &outcome);
}

static void fail(struct probe_imap *probe, enum dialogue_end end, bool temporary,
                 const char *reason)
{
    struct dialogue_outcome outcome = {
        .end = end,
        .phase = probe->phase,
        .command = probe->exchange.command,
        .temporary = temporary,
        .reason = probe->reason,
        .reply = probe->exchange.reply,
    };

    dialogue_clean(probe->reason, sizeof(probe->reason), reason, strlen(reason));
    imap_exchange_shorten(&probe->exchange, probe->reason);
    finish(probe, &outcome);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    static const char *const standing[PHASE_COUNT] = {
        [PHASE_RESOLVE] = "while resolving the name",
        [PHASE_CONNECT] = "while connecting",
        [PHASE_TLS] = "in the TLS handshake",
        [PHASE_GREETING] = "while waiting for the greeting",
        [PHASE_CAPABILITY] = "to CAPABILITY",
        [PHASE_AUTH] = "to the login",
        [PHASE_COMMAND] = "to a command",
        [PHASE_QUIT] = "to LOGOUT",
    };
    struct probe_imap *probe = arg;
    char reason[DIALOGUE_TEXT_MAX];

    (void)fd;
    (void)what;
    if (probe->exchange.command[0] != '\0')
        snprintf(reason, sizeof(reason), "no answer to %s within %u ms", probe->exchange.command,
                 probe->timeout);
    else
        snprintf(reason, sizeof(reason), "no answer %s within %u ms",
                 probe->phase < PHASE_COUNT ? standing[probe->phase] : standing[PHASE_CONNECT],
                 probe->timeout);
    fail(probe, DIALOGUE_TIMEOUT, false, reason);
}

static void on_trace(void *arg, bool sent, const char *line, size_t len)
{
    struct probe_imap *probe = arg;

    if (sent)
        imap_exchange_sent(&probe->exchange, line, len);
    else
        imap_exchange_received(&probe->exchange, line, len, probe->phase == PHASE_GREETING);
}

/* ---- commands ---- */

static bool lost(const struct imap_result *result) /* on_closed reports it */
{
    return result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT;
}

static void refuse(struct probe_imap *probe, const char *what, const struct imap_result *result)
{
    const struct imap_text *text = result->text;
    bool temporary =
        text != NULL && (text->code == IMAP_CODE_UNAVAILABLE || text->code == IMAP_CODE_INUSE ||
                         text->code == IMAP_CODE_LIMIT || imap_text_backoff(text) > 0);
    enum dialogue_end end = text != NULL ? DIALOGUE_REFUSED : DIALOGUE_PROTOCOL;
    char *reason = xasprintf("%s: %s", what, result->reason);

    fail(probe, end, temporary, reason);
    free(reason);
}

static void on_noop(void *arg, const struct imap_result *result)
{
    struct probe_imap *probe = arg;

    if (lost(result))
        return;
    if (result->kind != IMAP_RESULT_OK) {
        refuse(probe, "NOOP was refused", result);
    } else if (enter(probe, PHASE_QUIT)) {
        probe->leaving = true;
        imap_session_logout(probe->session);
    }
}

/* A server that refuses GETQUOTAROOT has no quota. */
static void on_quota(void *arg, const struct imap_result *result)
{
    struct probe_imap *probe = arg;

    probe->asking_quota = false;
    if (!lost(result))
        imap_noop(probe->session, on_noop, probe);
}

static void ask_quota(struct probe_imap *probe)
{
    if (!imap_session_has(probe->session, "QUOTA")) {
        imap_noop(probe->session, on_noop, probe);
        return;
    }
    probe->asking_quota = true;
    imap_quota_root(probe->session, probe->mailbox, on_quota, probe);
}

static void on_fetched(void *arg, const struct imap_result *result)
{
    struct probe_imap *probe = arg;

    probe->fetching = false;
    if (lost(result))
        return;
    /* NO also means that some of them are gone meanwhile, RFC 9051 section 7.1 (EXPUNGEISSUED). */
    if (result->kind != IMAP_RESULT_OK && !probe->dated)
        refuse(probe, "FETCH was refused", result);
    else
        ask_quota(probe);
}

static void fetch_dates(struct probe_imap *probe)
{
    uint32_t count = probe->facts.messages;
    struct imap_uidset ends = {0};

    if (count <= 2 * PROBE_IMAP_ENDS) {
        imap_uidset_add(&ends, 1, count);
    } else {
        imap_uidset_add(&ends, 1, PROBE_IMAP_ENDS);
        imap_uidset_add(&ends, count - PROBE_IMAP_ENDS + 1, count);
    }
    probe->fetching = true;
    imap_fetch(probe->session, &ends, "(INTERNALDATE)", on_fetched, probe);
    imap_uidset_clear(&ends);
}

static void on_examined(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    struct probe_imap *probe = arg;

    if (lost(result))
        return;
    if (result->kind != IMAP_RESULT_OK) {
        refuse(probe, "the folder cannot be opened", result);
        return;
    }
    probe->facts.messages = mailbox->exists;
    if (!probe->look_inside)
        imap_noop(probe->session, on_noop, probe);
    else if (mailbox->exists > 0)
        fetch_dates(probe);
    else
        ask_quota(probe);
}

/* "Lists/Users" with separator "." below "INBOX." is "INBOX.Lists.Users". */
static char *mailbox_name(const struct probe_imap *probe)
{
    size_t prefix = strlen(probe->prefix);
    char *name = xstrdup(probe->folder);

    for (char *c = name; *c != '\0' && probe->separator != '\0'; c++)
        if (*c == '/')
            *c = probe->separator;
    if (prefix > 0 && strncasecmp(name, probe->prefix, prefix) != 0) {
        char *whole = xasprintf("%s%s", probe->prefix, name);

        free(name);
        name = whole;
    }
    return name;
}

static void examine(struct probe_imap *probe)
{
    imap_examine(probe->session, probe->mailbox, NULL, on_examined, probe);
}

static void on_learnt(void *arg, const struct imap_result *result)
{
    struct probe_imap *probe = arg;

    if (lost(result))
        return;
    free(probe->mailbox);
    probe->mailbox = mailbox_name(probe);
    examine(probe);
}

static void open_folder(struct probe_imap *probe)
{
    if (strcasecmp(probe->folder, "INBOX") == 0)
        examine(probe);
    else if (imap_session_has(probe->session, "NAMESPACE"))
        imap_namespace(probe->session, on_learnt, probe);
    else
        imap_list(probe->session, "INBOX", 0, on_learnt, probe);
}

/* ---- the session's events ---- */

static void on_ready(void *arg)
{
    struct probe_imap *probe = arg;

    if (!enter(probe, PHASE_COMMAND))
        return;
    if (probe->logs_in)
        open_folder(probe);
    else
        imap_noop(probe->session, on_noop, probe);
}

static void on_phase(void *arg, enum imap_phase imap_phase)
{
    static const enum phase phases[] = {
        [IMAP_PHASE_RESOLVE] = PHASE_RESOLVE,
        [IMAP_PHASE_CONNECT] = PHASE_CONNECT,
        [IMAP_PHASE_TLS] = PHASE_TLS,
        [IMAP_PHASE_GREETING] = PHASE_GREETING,
        [IMAP_PHASE_CAPABILITY] = PHASE_CAPABILITY,
        [IMAP_PHASE_AUTH] = PHASE_AUTH,
    };
    struct probe_imap *probe = arg;

    if (imap_phase == IMAP_PHASE_TLS && imap_session_has(probe->session, "STARTTLS"))
        add_capability(probe, "STARTTLS", strlen("STARTTLS"));
    if (imap_phase == IMAP_PHASE_AUTH || imap_phase == IMAP_PHASE_READY)
        add_capabilities(probe);
    if (imap_phase != IMAP_PHASE_READY)
        (void)enter(probe, phases[imap_phase]);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    static const enum dialogue_end ends[] = {
        [IMAP_FAILURE_RESOLVE] = DIALOGUE_RESOLVE, [IMAP_FAILURE_CONNECT] = DIALOGUE_CONNECT,
        [IMAP_FAILURE_TLS] = DIALOGUE_TLS,         [IMAP_FAILURE_PROTOCOL] = DIALOGUE_PROTOCOL,
        [IMAP_FAILURE_AUTH] = DIALOGUE_AUTH,       [IMAP_FAILURE_UNAVAILABLE] = DIALOGUE_REFUSED,
        [IMAP_FAILURE_TIMEOUT] = DIALOGUE_TIMEOUT, [IMAP_FAILURE_CLOSED] = DIALOGUE_CLOSED,
        [IMAP_FAILURE_LOGOUT] = DIALOGUE_CLOSED,
    };
    struct probe_imap *probe = arg;
    enum dialogue_end end = ends[failure->kind];

    if (probe->leaving && failure->kind == IMAP_FAILURE_LOGOUT) {
        finish_well(probe);
        return;
    }
    /* NO or BAD in place of a greeting, BAD to CAPABILITY or the login: it is IMAP nevertheless. */
    if (end == DIALOGUE_PROTOCOL && imap_exchange_is_refusal(&probe->exchange))
        end = DIALOGUE_REFUSED;
    fail(probe, end, failure->kind == IMAP_FAILURE_UNAVAILABLE, failure->reason);
}

static void take_date(struct probe_imap *probe, const struct imap_fetch *fetch)
{
    struct probe_imap_facts *facts = &probe->facts;

    if (!probe->fetching || !fetch->has_internaldate)
        return;
    if (!probe->dated || fetch->internaldate < facts->oldest)
        facts->oldest = fetch->internaldate;
    if (!probe->dated || fetch->internaldate > facts->newest)
        facts->newest = fetch->internaldate;
    probe->dated = true;
}

static void take_fuller(uint64_t used, uint64_t limit, uint64_t *most_used, uint64_t *its_limit)
{
    bool fuller;

    if (limit == 0)
        fuller = *its_limit == 0 && used > *most_used;
    else
        fuller = *its_limit == 0 ||
                 (double)used / (double)limit > (double)*most_used / (double)*its_limit;
    if (fuller) {
        *most_used = used;
        *its_limit = limit;
    }
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct probe_imap *probe = arg;
    struct probe_imap_facts *facts = &probe->facts;
    const struct imap_quota *quota = &untagged->quota;

    if (untagged->kind == IMAP_UNTAGGED_FETCH) {
        take_date(probe, &untagged->fetch);
    } else if (untagged->kind == IMAP_UNTAGGED_QUOTA && probe->asking_quota) {
        take_fuller(quota->storage_used, quota->storage_limit, &facts->storage_used,
                    &facts->storage_limit);
        take_fuller(quota->messages_used, quota->messages_limit, &facts->messages_used,
                    &facts->messages_limit);
    } else if (untagged->kind == IMAP_UNTAGGED_NAMESPACE && untagged->prefix != NULL) {
        free(probe->prefix);
        probe->prefix = xstrdup(untagged->prefix);
        probe->separator = untagged->delimiter;
    } else if (untagged->kind == IMAP_UNTAGGED_LIST && probe->separator == '\0') {
        probe->separator = untagged->list.delimiter;
    }
}

/* ---- life ---- */

static struct imap_session *open_session(struct probe_imap *probe,
                                         const struct probe_imap_options *options)
{
    static const struct imap_events events = {
        .on_ready = on_ready,
        .on_closed = on_closed,
        .on_untagged = on_untagged,
        .on_trace = on_trace,
        .on_phase = on_phase,
    };
    const struct dialogue_peer *peer = &options->peer;
    const struct dialogue_login *login = &options->login;
    unsigned seconds = peer->timeout / 1000 + 2; /* later than the dialogue's own timer */
    struct imap_options how = {
        .host = peer->endpoint->host,
        .port = peer->endpoint->port,
        .security = link_security(peer->endpoint),
        .tls = peer->tls,
        .method = login->token ? IMAP_AUTH_TOKEN : IMAP_AUTH_PASSWORD,
        .login = login->login,
        .authorize_as = login->authorize_as,
        .secret = login->secret,
        .connect_timeout = seconds,
        .reply_timeout = seconds,
        .command_timeout = seconds,
        .no_login = login->login == NULL,
        .address = peer->address,
        .address_len = peer->address_len,
        .record_certificates = true,
        .send_logout = true,
    };

    return imap_session_new(peer->base, peer->dns, &how, &events, probe);
}

static void start_timer(struct probe_imap *probe, struct event_base *base)
{
    struct timeval limit = milliseconds(probe->timeout);

    probe->timer = evtimer_new(base, on_timeout, probe);
    if (probe->timer == NULL)
        abort();
    evtimer_add(probe->timer, &limit);
}

struct probe_imap *probe_imap_new(const struct probe_imap_options *options,
                                  const struct dialogue_events *events, void *arg)
{
    struct probe_imap *probe = xcalloc(1, sizeof(*probe));

    probe->events = *events;
    probe->arg = arg;
    probe->timeout = options->peer.timeout;
    probe->logs_in = options->login.login != NULL;
    probe->look_inside = options->look_inside;
    probe->folder = xstrdup(options->folder != NULL ? options->folder : "INBOX");
    probe->mailbox = xstrdup(probe->folder);
    probe->prefix = xstrdup("");
    probe->phase = options->peer.address != NULL ? PHASE_CONNECT : PHASE_RESOLVE;
    start_timer(probe, options->peer.base);
    probe->session = open_session(probe, options);
    return probe;
}

void probe_imap_free(struct probe_imap *probe)
{
    if (probe == NULL)
        return;
    close_session(probe);
    if (probe->is_reporting)
        probe->abandoned = true;
    else
        release(probe);
}

const struct probe_imap_facts *probe_imap_facts(const struct probe_imap *probe)
{
    return &probe->facts;
}
