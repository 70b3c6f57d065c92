#include "agent/capture/incoming.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/plan.h"
#include "agent/system/fault.h"
#include "agent/system/log.h"
#include "rules/mime/body.h"
#include "rules/sameness.h"
#include "rules/util/buffer.h"
#include "rules/util/memory.h"

struct incoming {
    struct parts *parts;
    /* Ours: a reload may come before the header section has ended. */
    char *account, *address, **aliases, *folder;
    enum folder_role role;
    struct spool_entry *entry;
    struct header_scan scan;
    bool header_ended, finished;
    uint64_t size, header_len;
    struct buffer header_text; /* at most HEADER_MAX octets */
    EVP_MD_CTX *whole, *body;
    struct body_scan *body_scan;
    bool has_text;             /* body_scan gathers it */
    struct sameness *sameness; /* of an internal message only: it costs a digest over the body */
    bool internal;
    struct body_facts *facts;
    struct header *header;
    struct decision *decision;
    unsigned char sha256[32], body_sha256[32], same[32];
};

static EVP_MD_CTX *digest_new(void)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();

    if (digest == NULL || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
        memory_exhausted();
    return digest;
}

/* Whether any rule asks for what only the body can tell. */
static bool rules_read_bodies(const struct rule_set *set, bool *text)
{
    bool any = false;

    *text = false;
    for (size_t i = 0; i < set->count; i++) {
        *text = *text || set->rules[i].body != NULL;
        any = any || set->rules[i].body != NULL || set->rules[i].attachment != NULL;
    }
    return any;
}

static char **copy_list(char *const *list)
{
    size_t n = 0;
    char **copy;

    while (list[n] != NULL)
        n++;
    copy = xcalloc(n + 1, sizeof(*copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = xstrdup(list[i]);
    return copy;
}

struct incoming *incoming_new(struct parts *parts, const struct account *account,
                              const char *folder, enum folder_role role)
{
    struct incoming *incoming = xcalloc(1, sizeof(*incoming));
    bool text;

    incoming->parts = parts;
    incoming->account = xstrdup(account->name);
    incoming->address = xstrdup(account->address);
    incoming->aliases = copy_list(account->aliases);
    incoming->folder = xstrdup(folder);
    incoming->role = role;
    if (parts->ledger != NULL)
        incoming->entry = spool_entry_new(parts->ledger);
    incoming->whole = digest_new();
    incoming->body = digest_new();
    if (rules_read_bodies(parts->config->rules, &text))
        incoming->body_scan = body_scan_new(text);
    incoming->has_text = text;
    fault_point(FAULT_CAPTURE_BEGIN);
    return incoming;
}

static void keep_header(struct incoming *incoming, const char *data, size_t len)
{
    size_t left = HEADER_MAX - incoming->header_text.len;

    buffer_add(&incoming->header_text, data, len < left ? len : left);
}

static const char *held_header(const struct incoming *incoming)
{
    return incoming->header_text.data != NULL ? incoming->header_text.data : "";
}

/* A header that fills all that is kept of one may have lost its end: nothing is proven to be
 * missing from it. */
static struct header *whole_header(const char *text, size_t len)
{
    struct header *header = header_parse(text, len);

    if (len >= HEADER_MAX)
        header->truncated = true;
    return header;
}

/* The header section is whole: what direction the message takes can be told. */
static void end_header(struct incoming *incoming)
{
    struct owner owner = {
        .account = incoming->account,
        .address = incoming->address,
        .aliases = (const char *const *)incoming->aliases,
    };
    struct message message = {.owner = &owner, .role = incoming->role};
    struct route *route;

    incoming->header_ended = true;
    incoming->header = whole_header(held_header(incoming), incoming->header_text.len);
    message.header = incoming->header;
    route = route_find(incoming->parts->config->rules, &message);
    incoming->internal = (route->directions & DIRECTION_INTERNAL) != 0;
    if (incoming->internal)
        incoming->sameness = sameness_new();
    route_free(route);
}

void incoming_write(struct incoming *incoming, const void *data, size_t len)
{
    const char *octets = data;

    if (len == 0)
        return;
    incoming->size += len;
    if (incoming->entry != NULL)
        spool_entry_write(incoming->entry, data, len);
    EVP_DigestUpdate(incoming->whole, data, len);
    if (incoming->body_scan != NULL)
        body_scan_feed(incoming->body_scan, octets, len);
    if (!incoming->header_ended) {
        long end = header_scan_feed(&incoming->scan, octets, len);
        size_t of_header = end < 0 ? len : (size_t)end;

        incoming->header_len += of_header;
        keep_header(incoming, octets, of_header);
        octets += of_header;
        len -= of_header;
        if (end >= 0)
            end_header(incoming);
    }
    if (len > 0)
        EVP_DigestUpdate(incoming->body, octets, len);
    if (len > 0 && incoming->sameness != NULL)
        sameness_body(incoming->sameness, octets, len);
}

uint64_t incoming_size(const struct incoming *incoming)
{
    return incoming->size;
}

void incoming_free(struct incoming *incoming)
{
    if (incoming == NULL)
        return;
    if (incoming->entry != NULL)
        spool_entry_abort(incoming->entry);
    EVP_MD_CTX_free(incoming->whole);
    EVP_MD_CTX_free(incoming->body);
    if (incoming->body_scan != NULL)
        body_scan_free(incoming->body_scan);
    if (incoming->sameness != NULL)
        sameness_free(incoming->sameness);
    if (incoming->facts != NULL)
        body_facts_free(incoming->facts);
    if (incoming->decision != NULL)
        decision_free(incoming->decision);
    if (incoming->header != NULL)
        header_free(incoming->header);
    buffer_free(&incoming->header_text);
    for (char **alias = incoming->aliases; *alias != NULL; alias++)
        free(*alias);
    free(incoming->aliases);
    free(incoming->account);
    free(incoming->address);
    free(incoming->folder);
    free(incoming);
}

static struct decision *decide_message(struct parts *parts, const struct incoming_facts *facts,
                                       const struct header *header, uint64_t size,
                                       const struct body_facts *body, bool explain)
{
    struct owner owner = account_owner(facts->account);
    struct message message = {
        .owner = &owner,
        .role = facts->role,
        .size = size,
        .internaldate = facts->internaldate,
        .header = header,
        .body = body,
    };
    struct decision *decision = decide(parts->config->rules, &message, explain);

    if (facts->old)
        decision->route->warnings |= WARNING_OLD_MESSAGE;
    if (body != NULL && body->limited)
        decision->route->warnings |= WARNING_BODY_LIMITED;
    if (body != NULL && body->tnef)
        decision->route->warnings |= WARNING_TNEF;
    return decision;
}

static struct outcome outcome_of(const struct decision *decision)
{
    if (decision->exempt)
        return (struct outcome){.state = UID_EXEMPT,
                                .reason = xasprintf("rule %s", decision->exempt_by->name)};
    if (decision->result == MATCH_YES)
        return (struct outcome){.wanted = true, .state = UID_CAPTURED};
    return (struct outcome){.state = UID_NOT_WANTED};
}

enum match_result header_decide(struct parts *parts, const struct incoming_facts *facts,
                                const char *header_text, size_t len, uint64_t size,
                                struct outcome *outcome)
{
    struct header *header = whole_header(header_text, len);
    struct decision *decision = decide_message(parts, facts, header, size, NULL, false);
    enum match_result result = decision->exempt ? MATCH_NO : decision->result;

    *outcome = outcome_of(decision);
    decision_free(decision);
    header_free(header);
    return result;
}

/* The octets are complete: digests, header and body facts. */
static void finish(struct incoming *incoming)
{
    if (incoming->finished)
        return;
    incoming->finished = true;
    if (!incoming->header_ended)
        end_header(incoming);
    EVP_DigestFinal_ex(incoming->whole, incoming->sha256, NULL);
    EVP_DigestFinal_ex(incoming->body, incoming->body_sha256, NULL);
    if (incoming->sameness != NULL)
        sameness_end(incoming->sameness, incoming->header, incoming->same);
    incoming->sameness = NULL;
    if (incoming->body_scan != NULL) {
        incoming->facts = body_scan_end(incoming->body_scan);
        incoming->body_scan = NULL;
    }
}

static struct decision *decide_whole(struct incoming *incoming, const struct incoming_facts *facts,
                                     bool explain)
{
    static const struct body_facts nothing_asked = {.text = NULL};
    const struct body_facts *body;

    finish(incoming);
    body = incoming->facts != NULL ? incoming->facts : &nothing_asked;
    return decide_message(incoming->parts, facts, incoming->header, incoming->size, body, explain);
}

/* A reload while the message arrived may have brought rules that ask more of its body. */
static bool knows_enough(const struct incoming *incoming)
{
    bool text;
    bool body = rules_read_bodies(incoming->parts->config->rules, &text);

    return (!body || incoming->body_scan != NULL) && (!text || incoming->has_text);
}

struct outcome incoming_decide(struct incoming *incoming, const struct incoming_facts *facts)
{
    if (!knows_enough(incoming))
        return (struct outcome){.state = UID_UNFETCHED};
    incoming->decision = decide_whole(incoming, facts, false);
    fault_point(FAULT_CAPTURE_END);
    return outcome_of(incoming->decision);
}

struct decision *incoming_explain(struct incoming *incoming, const struct incoming_facts *facts)
{
    return decide_whole(incoming, facts, true);
}

const char *incoming_header(const struct incoming *incoming, size_t *len)
{
    *len = incoming->header_text.len;
    return held_header(incoming);
}

const unsigned char *incoming_sha256(const struct incoming *incoming)
{
    return incoming->sha256;
}

/* ---- handing over ---- */

struct handed_over {
    struct parts *parts;
    char *account, *folder;
    uint32_t uid;
    uint64_t size;
    time_t came;    /* 0: before we looked, its latency would tell of that */
    char **targets; /* NULL-terminated */
};

static const char *outcome_text(enum capture_outcome outcome)
{
    static const char *const texts[] = {"captured", "duplicate", "joined", "own-copy", "lost"};

    return texts[outcome];
}

static void on_stored(void *arg, enum capture_outcome outcome)
{
    struct handed_over *handed = arg;
    struct parts *parts = handed->parts;

    uint64_t *counts[] = {&parts->count.captured, &parts->count.duplicates, &parts->count.joined,
                          &parts->count.own_copies, &parts->count.unfetched};
    ++*counts[outcome];
    if (outcome == CAPTURE_STORED && handed->came != 0)
        histogram_add_since(&parts->capture_latency, handed->came);
    log_event(LOG_LEVEL_INFO, outcome_text(outcome), "account", handed->account, "folder",
              handed->folder, "uid", log_number(handed->uid), "octets",
              log_number((long long)handed->size), (char *)NULL);
    for (char **target = handed->targets; *target != NULL; target++) {
        parts->stored(parts->arg, *target);
        free(*target);
    }
    free(handed->targets);
    free(handed->account);
    free(handed->folder);
    free(handed);
}

static struct handed_over *handed_over_new(const struct incoming *incoming,
                                           const struct incoming_facts *facts)
{
    const struct decision *decision = incoming->decision;
    struct handed_over *handed = xcalloc(1, sizeof(*handed));

    handed->parts = incoming->parts;
    handed->account = xstrdup(facts->account->name);
    handed->folder = xstrdup(facts->folder);
    handed->uid = facts->uid;
    handed->size = incoming->size;
    if (!facts->old && facts->internaldate >= incoming->parts->started)
        handed->came = facts->internaldate;
    handed->targets = xcalloc(decision->n_targets + 1, sizeof(char *));
    for (size_t i = 0; i < decision->n_targets; i++)
        handed->targets[i] = xstrdup(decision->targets[i].target);
    return handed;
}

/* One new copy for each target; the ids stand behind each other in *ids. */
static struct ledger_new_copy *copies_new(const struct incoming *incoming,
                                          const struct incoming_facts *facts,
                                          char (*ids)[MONITOR_ID_LEN + 1])
{
    const struct decision *decision = incoming->decision;
    const struct config *config = incoming->parts->config;
    struct owner owner = account_owner(facts->account);
    struct ledger_new_copy *copies = xcalloc(decision->n_targets, sizeof(*copies));
    bool internal = (decision->route->directions & DIRECTION_INTERNAL) != 0;

    for (size_t i = 0; i < decision->n_targets; i++) {
        monitor_id_make(config->rules->key, facts->account->name, facts->folder, facts->uidvalidity,
                        facts->uid, decision->targets[i].target, ids[i]);
        copies[i].target = decision->targets[i].target;
        copies[i].monitor_id = ids[i];
        copies[i].plan = plan_text(decision, &decision->targets[i], &owner);
        copies[i].hold_until = internal ? time(NULL) + (time_t)config->internal_wait : 0;
    }
    return copies;
}

void incoming_store(struct incoming *incoming, const struct incoming_facts *facts)
{
    const struct decision *decision = incoming->decision;
    size_t n = decision->n_targets;
    char(*ids)[MONITOR_ID_LEN + 1] = xcalloc(n, sizeof(*ids));
    struct ledger_new_copy *copies = copies_new(incoming, facts, ids);
    char carried[MONITOR_ID_LEN + 1];
    struct ledger_capture capture = {
        .folder = facts->ledger_folder,
        .uid = facts->uid,
        .internaldate = facts->internaldate,
        .internaldate_zone = facts->internaldate_zone,
        .header_len =
            incoming->header_len > UINT32_MAX ? UINT32_MAX : (uint32_t)incoming->header_len,
        .has_sameness = incoming->internal,
        .monitor_id = monitor_id_read(incoming->header, carried) ? carried : NULL,
        .copies = copies,
        .n_copies = n,
    };

    memcpy(capture.sha256, incoming->sha256, sizeof(capture.sha256));
    memcpy(capture.body_sha256, incoming->body_sha256, sizeof(capture.body_sha256));
    memcpy(capture.sameness, incoming->same, sizeof(capture.sameness));
    ledger_capture(incoming->parts->ledger, &capture, incoming->entry, on_stored,
                   handed_over_new(incoming, facts));
    incoming->entry = NULL;
    for (size_t i = 0; i < n; i++)
        free((char *)copies[i].plan);
    free(copies);
    free(ids);
    incoming_free(incoming);
}
