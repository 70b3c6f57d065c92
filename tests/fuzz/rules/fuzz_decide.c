/*
 * Any header, any owner, a set of rules with every condition: the decision is the same each time,
 * with and without reasons, never needs a body that is there, and a decision made without the body
 * is still valid with it.
 * The first octet selects the folder role and the owner, the second the body, the rest is the
 * message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/match/decide.h"
#include "rules/mime/body.h"
#include "rules/util/memory.h"

#define LIST(...) make_list((const char *const[]){__VA_ARGS__, NULL})

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char **make_list(const char *const *texts)
{
    size_t count = 0;
    while (texts[count] != NULL)
        count++;
    char **list = xcalloc(count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++)
        list[i] = xstrdup(texts[i]);
    return list;
}

static struct rule *add(struct rule_set *set, const char *name, const char *target)
{
    struct rule *rule = rule_set_add(set);
    rule->name = xstrdup(name);
    rule->incoming = rule->outgoing = rule->internal = SELECT_ALL;
    rule->targets = LIST(target);
    return rule;
}

static void add_header_rules(struct rule_set *set)
{
    add(set, "from", "a")->from = LIST("*@partner.test", "/bob.*[ab]x/i");
    add(set, "to", "b")->to = LIST("*@example.net", "/^.+$/s");
    add(set, "subject", "c")->subject = LIST("*invoice*", "/\\w+ \\w+$/u");
    add(set, "header", "a")->header = LIST("X-Class: s*", "List-Id: /./");
    add(set, "sample", "d")->sample = 50;
    struct rule *rule = add(set, "selected", "e");
    rule->incoming = SELECT_SELECTED;
    rule->outgoing = SELECT_NONE;
    rule->users = LIST("alice", "*@example.net");
    rule->not_users = LIST("dave");
    rule = add(set, "ranges", "e");
    rule->has_min_size = rule->has_max_size = rule->has_since = rule->has_until = true;
    rule->min_size = 10;
    rule->max_size = 1000;
    rule->since = -1000000;
    rule->until = 2000000000;
    rule->hours_text = xstrdup("Mon-Fri 08:00-18:00, Sat 22:00-06:00 UTC");
}

static void add_body_rules(struct rule_set *set)
{
    add(set, "body", "f")->body = LIST("*secret*", "/(a+)+$/");
    add(set, "attachment", "g")->attachment = LIST("*.zip", "image/*", "/exe$/i");
    add(set, "any", "h")->attachment = LIST("any");
    struct rule *rule = add(set, "both", "a");
    rule->attachment = LIST("any");
    rule->subject = LIST("*a*");
    rule = add(set, "privileged", "none");
    rule->exempt = true;
    rule->addresses = LIST("doctor@*", "/^council@/");
    rule = add(set, "private", "none");
    rule->exempt = true;
    rule->incoming = rule->outgoing = SELECT_NONE;
    rule->users = LIST("*");
    rule->body = LIST("private*");
}

static struct rule_set *make_set(void)
{
    struct rule_set *set = rule_set_new();
    set->domains = LIST("example.org", "example.net");
    add_header_rules(set);
    add_body_rules(set);
    if (rules_prepare(set, NULL, NULL, NULL) != 0)
        abort();
    return set;
}

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_same(const struct decision *a, const struct decision *b)
{
    check(a->result == b->result && a->exempt == b->exempt && a->exempt_by == b->exempt_by);
    check(a->route->directions == b->route->directions);
    check(a->route->n_recipients == b->route->n_recipients);
    check(a->n_targets == b->n_targets);
    for (size_t i = 0; i < a->n_rules; i++)
        check(a->rules[i].result == b->rules[i].result &&
              a->rules[i].directions == b->rules[i].directions);
    for (size_t i = 0; i < a->n_targets; i++)
        check(a->targets[i].n_rules == b->targets[i].n_rules &&
              strcmp(a->targets[i].target, b->targets[i].target) == 0);
}

static void check_one(const struct message *message, const struct decision *decision)
{
    const struct route *route = decision->route;
    check(route->directions != 0);
    check((route->directions & route_certain(message->role)) != 0);
    check(route->sent == !route->sender_claimed);
    check(route->sent || route->n_recipients == 1);
    check(message->body == NULL || decision->result != MATCH_NEEDS_BODY);
    check(decision->result != MATCH_YES || decision->n_targets > 0);
    check(decision->result != MATCH_NO || decision->n_targets == 0);
    for (size_t i = 0; i < decision->n_rules; i++)
        for (size_t reason = 0; reason < decision->rules[i].n_reasons; reason++)
            for (const char *c = decision->rules[i].reasons[reason].text; *c != '\0'; c++)
                check((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void check_before_fetch(const struct rule_set *set, const struct message *message,
                               enum match_result result)
{
    switch (decide_before_fetch(set, message->owner, message->role)) {
    case MATCH_NO:
        check(result == MATCH_NO);
        break;
    case MATCH_YES:
        check(result != MATCH_NO);
        break;
    default:
        break;
    }
}

static void decide_and_check(const struct rule_set *set, const struct message *message)
{
    struct decision *first = decide(set, message, false);
    struct decision *second = decide(set, message, false);
    struct decision *explained = decide(set, message, true);
    check_same(first, second);
    check_same(first, explained);
    check_one(message, explained);
    check_before_fetch(set, message, first->result);
    decision_free(first);
    decision_free(second);
    decision_free(explained);
}

/* The body does not change what the header decides. */
static void check_body_adds_only(const struct rule_set *set, const struct message *message,
                                 const char *text, size_t len)
{
    struct body_scan *scan = body_scan_new(true);
    body_scan_feed(scan, text, len);
    struct body_facts *facts = body_scan_end(scan);
    struct message without = *message, with = *message;
    without.body = NULL;
    with.body = facts;
    struct decision *before = decide(set, &without, false);
    struct decision *after = decide(set, &with, false);
    for (size_t i = 0; i < before->n_rules; i++)
        if (before->rules[i].result != MATCH_NEEDS_BODY)
            check(before->rules[i].result == after->rules[i].result);
    decision_free(before);
    decision_free(after);
    body_facts_free(facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rule_set *set;
    static const char *const aliases[] = {"a.liddell@example.org", "council@example.net", NULL};
    static const struct owner owners[] = {
        {.account = "alice", .address = "alice@example.org", .monitor = true},
        {.account = "bob", .address = "bob@example.net", .aliases = aliases},
        {.account = "dave", .address = "dave@example.org", .aliases = aliases + 2},
        {.account = "", .address = ""},
    };
    char type[] = "image/png", name[] = "a.ZIP", text[] = "private secret",
         letters[] = "aaaaaaaaab";
    char *names[] = {name};
    struct attachment attachment = {.type = type, .names = names, .n_names = 1};
    const struct body_facts bodies[] = {
        {.text = {.list = {{"as written", text, strlen(text)}}, .count = 1}},
        {.attachments = &attachment,
         .count = 1,
         .text = {.list = {{"as written", letters, strlen(letters)}}, .count = 1},
         .doubt = BODY_DOUBT_ATTACHMENTS | BODY_DOUBT_TEXT,
         .tnef = true},
    };
    if (set == NULL)
        set = make_set();
    if (size < 2)
        return 0;

    struct header *header = header_parse((const char *)data + 2, size - 2);
    struct message message = {
        .owner = &owners[data[0] >> 1 & 3],
        .role = data[0] & 1 ? FOLDER_SENT : FOLDER_OTHER,
        .size = size,
        .internaldate = (time_t)data[1] << (data[0] >> 3),
        .header = header,
        .body = data[1] & 1 ? &bodies[data[1] >> 1 & 1] : NULL,
    };
    decide_and_check(set, &message);
    check_body_adds_only(set, &message, (const char *)data + 2, size - 2);
    header_free(header);
    return 0;
}
