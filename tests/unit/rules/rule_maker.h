/* Concise rules and messages for tests. */
#ifndef TESTS_RULE_MAKER_H
#define TESTS_RULE_MAKER_H

#include <stdlib.h>
#include <string.h>

#include "rules/match/decide.h"
#include "rules/util/memory.h"
#include "rules/zone_sample.h"

#define INTERNALDATE 1767225600 /* Thu 2026-01-01 00:00:00 UTC */

/* A NULL-terminated list of copies: LIST("a", "b"). */
#define LIST(...) make_list((const char *const[]){__VA_ARGS__, NULL})

static inline char **make_list(const char *const *texts)
{
    size_t count = 0;
    while (texts[count] != NULL)
        count++;
    char **list = xcalloc(count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++)
        list[i] = xstrdup(texts[i]);
    return list;
}

static inline struct rule_set *make_set(void)
{
    struct rule_set *set = rule_set_new();
    set->domains = LIST("example.org", "example.net");
    memset(set->key, 7, sizeof(set->key));
    return set;
}

/* A rule that selects everything for the target "t". */
static inline struct rule *make_rule(struct rule_set *set, const char *name)
{
    struct rule *rule = rule_set_add(set);
    rule->name = xstrdup(name);
    rule->incoming = rule->outgoing = rule->internal = SELECT_ALL;
    rule->targets = LIST("t");
    return rule;
}

static const char *const alice_aliases[] = {"a.liddell@example.org", "wonder@example.net", NULL};
static const struct owner alice = {
    .account = "alice", .address = "alice@example.org", .aliases = alice_aliases, .monitor = true};

/* The text must outlive the message; free_message() frees the parsed header. */
static inline struct message make_message(const char *header_text, enum folder_role role)
{
    return (struct message){
        .owner = &alice,
        .role = role,
        .size = 10000,
        .internaldate = INTERNALDATE,
        .header = header_parse(header_text, strlen(header_text)),
    };
}

static inline void free_message(struct message *message)
{
    header_free((struct header *)message->header);
}

static inline void prepare(struct rule_set *set)
{
    if (rules_prepare(set, zone_sample, NULL, NULL) != 0)
        fail_msg("the rules have mistakes");
}

/* decide() with and without reasons, which must agree. */
static inline struct decision *decide_both(const struct rule_set *set,
                                           const struct message *message)
{
    struct decision *plain = decide(set, message, false);
    struct decision *explained = decide(set, message, true);
    assert_int_equal(plain->result, explained->result);
    assert_int_equal(plain->exempt, explained->exempt);
    assert_int_equal(plain->n_targets, explained->n_targets);
    for (size_t i = 0; i < plain->n_rules; i++) {
        assert_int_equal(plain->rules[i].result, explained->rules[i].result);
        assert_int_equal(plain->rules[i].n_reasons, 0);
    }
    decision_free(plain);
    return explained;
}

#define RECEIVED "Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
#define INCOMING                                                                                   \
    RECEIVED "From: Bob Builder <bob@partner.test>\r\nSender: Office <office@x.test>\r\n"          \
             "To: alice@example.org\r\nCc: Carol <carol@example.org>\r\n"                          \
             "Subject: =?utf-8?q?Re=3A_Invoice_f=C3=BCr_Mai?=\r\nX-Class: secret\r\n"              \
             "X-Class: =?utf-8?q?=C3=9Cberall?=\r\n"

#endif
