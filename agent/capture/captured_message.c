#include "agent/capture/captured_message.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/folder_pattern.h"
#include "agent/ledger/plan.h"
#include "agent/system/fault.h"
#include "agent/system/log.h"
#include "rules/mime/body.h"
#include "rules/sameness.h"
#include "rules/util/buffer.h"
#include "rules/util/memory.h"

struct captured_message {
    struct context *context;
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
    bool internal, sent, has_same;
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

/* Whether any rule has a condition on the body. */
static bool rules_read_bodies(const struct rule_set *set, bool *text)
{
    *text = false;
    for (size_t i = 0; i < set->count; i++)
        *text = *text || set->rules[i].body != NULL;
    return decide_needs_body(set);
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

struct captured_message *captured_message_new(struct context *context,
                                              const struct account *account, const char *folder,
                                              enum folder_role role)
{
    struct captured_message *captured = xcalloc(1, sizeof(*captured));
    bool text;

    captured->context = context;
    captured->account = xstrdup(account->name);
    captured->address = xstrdup(account->address);
    captured->aliases = copy_list(account->aliases);
    captured->folder = xstrdup(folder);
    captured->role = role;
    if (context->ledger != NULL)
        captured->entry = spool_entry_new(context->ledger);
    captured->whole = digest_new();
    captured->body = digest_new();
    if (rules_read_bodies(context->config->rules, &text))
        captured->body_scan = body_scan_new(text);
    captured->has_text = text;
    fault_point(FAULT_CAPTURE_BEGIN);
    return captured;
}

static void keep_header(struct captured_message *captured, const char *data, size_t len)
{
    size_t left = HEADER_MAX - captured->header_text.len;

    buffer_add(&captured->header_text, data, len < left ? len : left);
}

static const char *held_header(const struct captured_message *captured)
{
    return captured->header_text.data != NULL ? captured->header_text.data : "";
}

/* A header that fills HEADER_MAX may have been cut: nothing is proven to be missing from it. */
static struct header *whole_header(const char *text, size_t len)
{
    struct header *header = header_parse(text, len);

    if (len >= HEADER_MAX)
        header->truncated = true;
    return header;
}

/* The header section is complete: the direction of the message is known. */
static void end_header(struct captured_message *captured)
{
    struct owner owner = {
        .account = captured->account,
        .address = captured->address,
        .aliases = (const char *const *)captured->aliases,
    };
    struct message message = {.owner = &owner, .role = captured->role};
    struct route *route;

    captured->header_ended = true;
    captured->header = whole_header(held_header(captured), captured->header_text.len);
    message.header = captured->header;
    route = route_find(captured->context->config->rules, &message);
    captured->sent = route->sent;
    captured->internal = (route->directions & DIRECTION_INTERNAL) != 0;
    if (captured->internal)
        captured->sameness = sameness_new();
    route_free(route);
}

void captured_message_write(struct captured_message *captured, const void *data, size_t len)
{
    const char *octets = data;

    if (len == 0)
        return;
    captured->size += len;
    if (captured->entry != NULL)
        spool_entry_write(captured->entry, data, len);
    EVP_DigestUpdate(captured->whole, data, len);
    if (captured->body_scan != NULL)
        body_scan_feed(captured->body_scan, octets, len);
    if (!captured->header_ended) {
        long end = header_scan_feed(&captured->scan, octets, len);
        size_t of_header = end < 0 ? len : (size_t)end;

        captured->header_len += of_header;
        keep_header(captured, octets, of_header);
        octets += of_header;
        len -= of_header;
        if (end >= 0)
            end_header(captured);
    }
    if (len > 0)
        EVP_DigestUpdate(captured->body, octets, len);
    if (len > 0 && captured->sameness != NULL)
        sameness_body(captured->sameness, octets, len);
}

uint64_t captured_message_size(const struct captured_message *captured)
{
    return captured->size;
}

void captured_message_free(struct captured_message *captured)
{
    if (captured == NULL)
        return;
    if (captured->entry != NULL)
        spool_entry_abort(captured->entry);
    EVP_MD_CTX_free(captured->whole);
    EVP_MD_CTX_free(captured->body);
    if (captured->body_scan != NULL)
        body_scan_free(captured->body_scan);
    if (captured->sameness != NULL)
        sameness_free(captured->sameness);
    if (captured->facts != NULL)
        body_facts_free(captured->facts);
    if (captured->decision != NULL)
        decision_free(captured->decision);
    if (captured->header != NULL)
        header_free(captured->header);
    buffer_free(&captured->header_text);
    for (char **alias = captured->aliases; *alias != NULL; alias++)
        free(*alias);
    free(captured->aliases);
    free(captured->account);
    free(captured->address);
    free(captured->folder);
    free(captured);
}

static struct decision *decide_message(struct context *context, const struct message_facts *facts,
                                       const struct header *header, uint64_t size,
                                       const struct body_facts *body, bool explain)
{
    struct owner owner = account_owner(facts->account);
    struct message message = {
        .owner = &owner,
        .role = facts->role,
        .size = size,
        .internaldate = facts->internaldate,
        .date_unknown = facts->date_unknown,
        .seen = facts->seen,
        .seen_after = facts->seen_after,
        .header = header,
        .body = body,
    };
    struct decision *decision = decide(context->config->rules, &message, explain);

    if (facts->date_unknown)
        decision->route->warnings |= WARNING_DATE_UNKNOWN;
    if (facts->old)
        decision->route->warnings |= WARNING_OLD_MESSAGE;
    if (header_find(header, "X-Monitor-Id", 0) != NULL)
        decision->route->warnings |= WARNING_FORGED_ID;
    return decision;
}

void outcome_clear(struct outcome *outcome)
{
    free(outcome->reason);
    free(outcome->exempt_by);
    *outcome = (struct outcome){.wanted = false};
}

struct outcome outcome_exempt(const struct rule *rule, const char *basis)
{
    return (struct outcome){
        .state = UID_EXEMPT,
        .reason = xasprintf("rule %s: %s", rule->name, basis),
        .exempt_by = xstrdup(rule->name),
    };
}

static struct outcome outcome_of(const struct decision *decision)
{
    struct outcome outcome = {.state = UID_NOT_WANTED, .skipped = decision->skipped};

    if (decision->exempt)
        return outcome_exempt(decision->exempt_by, decision->exempt_basis);
    if (decision->result == MATCH_YES) {
        outcome.wanted = true;
        outcome.state = UID_CAPTURED;
        outcome.warnings = decision->route->warnings;
        for (size_t i = 0; i < decision->n_targets; i++)
            outcome.copied |= decision->targets[i].undecided;
    } else if (decision->skipped != 0) {
        outcome.state = UID_UNDECIDED;
        outcome.reason = decide_conditions_text(decision->skipped);
    }
    return outcome;
}

enum match_result header_decide(struct context *context, const struct message_facts *facts,
                                const char *header_text, size_t len, uint64_t size,
                                struct outcome *outcome)
{
    struct header *header = whole_header(header_text, len);
    struct decision *decision = decide_message(context, facts, header, size, NULL, false);
    enum match_result result = decision->exempt ? MATCH_NO : decision->result;

    *outcome = outcome_of(decision);
    decision_free(decision);
    header_free(header);
    return result;
}

/* The octets are complete: digests, header and body facts. */
static void finish(struct captured_message *captured)
{
    if (captured->finished)
        return;
    captured->finished = true;
    if (!captured->header_ended) {
        end_header(captured);
        captured->internal = false; /* no half of anything: it has no body */
    }
    EVP_DigestFinal_ex(captured->whole, captured->sha256, NULL);
    EVP_DigestFinal_ex(captured->body, captured->body_sha256, NULL);
    if (captured->sameness != NULL)
        captured->has_same =
            sameness_end(captured->sameness, captured->header,
                         captured->sent ? HALF_SENT : HALF_RECEIVED, captured->same);
    captured->sameness = NULL;
    if (captured->body_scan != NULL) {
        captured->facts = body_scan_end(captured->body_scan);
        captured->body_scan = NULL;
    }
}

static struct decision *decide_whole(struct captured_message *captured,
                                     const struct message_facts *facts, bool explain)
{
    finish(captured);
    return decide_message(captured->context, facts, captured->header, captured->size,
                          captured->facts, explain);
}

/* A reload while the message arrived may have brought rules with more conditions on its body. */
static bool knows_enough(const struct captured_message *captured)
{
    bool text;
    bool body = rules_read_bodies(captured->context->config->rules, &text);

    return (!body || captured->body_scan != NULL) && (!text || captured->has_text);
}

struct outcome captured_message_decide(struct captured_message *captured,
                                       const struct message_facts *facts)
{
    if (!knows_enough(captured))
        return (struct outcome){.state = UID_UNFETCHED};
    captured->decision = decide_whole(captured, facts, false);
    fault_point(FAULT_CAPTURE_END);
    return outcome_of(captured->decision);
}

struct decision *captured_message_explain(struct captured_message *captured,
                                          const struct message_facts *facts)
{
    return decide_whole(captured, facts, true);
}

const char *captured_message_header(const struct captured_message *captured, size_t *len)
{
    *len = captured->header_text.len;
    return held_header(captured);
}

const unsigned char *captured_message_sha256(const struct captured_message *captured)
{
    return captured->sha256;
}

/* ---- storing ---- */

struct handed_over {
    struct context *context;
    char *account, *folder;
    uint32_t uid;
    uint64_t size;
    time_t came;    /* 0: before the agent started; it says nothing about latency */
    char **targets; /* NULL-terminated */
};

static const char *outcome_text(enum capture_outcome outcome)
{
    static const char *const texts[] = {"captured", "duplicate", "joined",
                                        "own-copy", "lost",      "not-wanted"};

    return texts[outcome];
}

static void on_stored(void *arg, enum capture_outcome outcome)
{
    struct handed_over *handed = arg;
    struct context *context = handed->context;

    uint64_t *counts[] = {&context->count.captured,  &context->count.duplicates,
                          &context->count.joined,    &context->count.own_copies,
                          &context->count.unfetched, &context->count.not_wanted};
    ++*counts[outcome];
    if (outcome == CAPTURE_STORED && handed->came != 0)
        histogram_add_since(&context->capture_latency, handed->came);
    log_event(LOG_LEVEL_INFO, outcome_text(outcome), "account", handed->account, "folder",
              handed->folder, "uid", log_number(handed->uid), "bytes",
              log_number((long long)handed->size), (char *)NULL);
    for (char **target = handed->targets; *target != NULL; target++) {
        context->stored(context->arg, *target);
        free(*target);
    }
    free(handed->targets);
    free(handed->account);
    free(handed->folder);
    free(handed);
}

static struct handed_over *handed_over_new(const struct captured_message *captured,
                                           const struct message_facts *facts)
{
    const struct decision *decision = captured->decision;
    struct handed_over *handed = xcalloc(1, sizeof(*handed));

    handed->context = captured->context;
    handed->account = xstrdup(facts->account->name);
    handed->folder = xstrdup(facts->folder);
    handed->uid = facts->uid;
    handed->size = captured->size;
    if (!facts->old && facts->internaldate >= captured->context->started)
        handed->came = facts->internaldate;
    handed->targets = xcalloc(decision->n_targets + 1, sizeof(char *));
    for (size_t i = 0; i < decision->n_targets; i++)
        handed->targets[i] = xstrdup(decision->targets[i].target);
    return handed;
}

/* Where the copy would go to, if that is the mailbox that the message lies in; else NULL. */
static char *folder_of_copy(const struct captured_message *captured,
                            const struct message_facts *facts,
                            const struct target_decision *decided, const char *plan)
{
    const struct target *target = config_target(captured->context->config, decided->target);
    char *account = config_mailbox(facts->account->server, facts->account->login);
    char *mailbox = target != NULL ? config_mailbox(target->server, target->login) : xstrdup("");
    bool same = *account != '\0' && strcmp(account, mailbox) == 0;
    struct plan *parsed = plan_parse(plan);
    char buffer[40];
    struct folder_words words = {
        .user = facts->account->name,
        .direction = direction_text(parsed->directions, buffer),
        .rule = parsed->n_rules > 0 ? parsed->rules[0] : "",
        .domain = parsed->domain,
    };
    char *folder = same ? folder_name_make(target->folder, facts->internaldate, &words, '/') : NULL;

    plan_free(parsed);
    free(mailbox);
    free(account);
    return folder;
}

/* One new copy for each target; their ids are in *ids, in the same order. */
static struct ledger_new_copy *copies_new(const struct captured_message *captured,
                                          const struct message_facts *facts,
                                          char (*ids)[MONITOR_ID_LEN + 1])
{
    const struct decision *decision = captured->decision;
    const struct config *config = captured->context->config;
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
        copies[i].folder = folder_of_copy(captured, facts, &decision->targets[i], copies[i].plan);
    }
    return copies;
}

void captured_message_store(struct captured_message *captured, const struct message_facts *facts)
{
    const struct decision *decision = captured->decision;
    size_t n = decision->n_targets;
    char(*ids)[MONITOR_ID_LEN + 1] = xcalloc(n, sizeof(*ids));
    struct ledger_new_copy *copies = copies_new(captured, facts, ids);
    char carried[MONITOR_ID_LEN + 1];
    char *mailbox = config_mailbox(facts->account->server, facts->account->login);
    struct ledger_capture capture = {
        .folder = facts->ledger_folder,
        .uid = facts->uid,
        .internaldate = facts->internaldate,
        .internaldate_zone = facts->internaldate_zone,
        .header_len =
            captured->header_len > UINT32_MAX ? UINT32_MAX : (uint32_t)captured->header_len,
        .has_sameness = captured->has_same && captured->internal,
        .sent = captured->sent,
        .mailbox = *mailbox != '\0' ? mailbox : NULL,
        .monitor_id = monitor_id_read(captured->header, carried) ? carried : NULL,
        .copies = copies,
        .n_copies = n,
    };

    memcpy(capture.sha256, captured->sha256, sizeof(capture.sha256));
    memcpy(capture.body_sha256, captured->body_sha256, sizeof(capture.body_sha256));
    memcpy(capture.sameness, captured->same, sizeof(capture.sameness));
    if (capture.monitor_id != NULL)
        capture.has_octets =
            sameness_of_copy(captured->header, captured->body_sha256, capture.octets);
    ledger_capture(captured->context->ledger, &capture, captured->entry, on_stored,
                   handed_over_new(captured, facts));
    captured->entry = NULL;
    for (size_t i = 0; i < n; i++) {
        free((char *)copies[i].plan);
        free((char *)copies[i].folder);
    }
    free(mailbox);
    free(copies);
    free(ids);
    captured_message_free(captured);
}
