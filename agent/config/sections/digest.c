/*
 * What decides what is copied where, as one text and its digest: the ledger keeps it, so that
 * one can see later which rules a message was checked against. It does not include secrets,
 * comments and intervals, nor the order of accounts and targets.
 *
 * Every value is written as its length and itself, so that no two configurations write the same.
 */
#include <openssl/sha.h>
#include <string.h>

#include "agent/config/sections/loader.h"
#include "rules/util/memory.h"

static void put(FILE *out, const char *key, const char *value)
{
    if (value != NULL)
        fprintf(out, "%s %zu:%s\n", key, strlen(value), value);
}

static void put_list(FILE *out, const char *key, char *const *list)
{
    for (; list != NULL && *list != NULL; list++)
        put(out, key, *list);
}

static void put_number(FILE *out, const char *key, double number)
{
    fprintf(out, "%s %.17g\n", key, number);
}

static void put_account(FILE *out, const struct account *account)
{
    put(out, "account", account->name);
    put(out, "server", account->server->imap.url);
    put(out, "authserv_id", account->server->authserv_id);
    put(out, "address", account->address);
    put_list(out, "alias", account->aliases);
    put(out, "login", account->login);
    put(out, "monitor", account->monitor ? "true" : "false");
    put_list(out, "folder", account->folders);
}

static void put_target(FILE *out, const struct target *target)
{
    put(out, "target", target->name);
    put(out, "server", target->server->imap.url);
    put(out, "login", target->login);
    put(out, "folder", target->folder);
    put_number(out, "form", target->form);
}

static void put_conditions(FILE *out, const struct rule *rule)
{
    fprintf(out, "directions %d %d %d\n", (int)rule->incoming, (int)rule->outgoing,
            (int)rule->internal);
    put(out, "exempt", rule->exempt ? "true" : "false");
    put_list(out, "address", rule->addresses);
    put_list(out, "target", rule->targets);
    put_number(out, "sample", rule->sample);
    if (rule->has_min_size)
        fprintf(out, "min_size %ju\n", (uintmax_t)rule->min_size);
    if (rule->has_max_size)
        fprintf(out, "max_size %ju\n", (uintmax_t)rule->max_size);
    put_list(out, "user", rule->users);
    put_list(out, "not_user", rule->not_users);
    put_list(out, "from", rule->from);
    put_list(out, "to", rule->to);
    put_list(out, "subject", rule->subject);
    put_list(out, "header", rule->header);
    put_list(out, "body", rule->body);
    put_list(out, "attachment", rule->attachment);
    if (rule->encrypted)
        put(out, "encrypted", "true");
    if (rule->has_since)
        fprintf(out, "since %jd\n", (intmax_t)rule->since);
    if (rule->has_until)
        fprintf(out, "until %jd\n", (intmax_t)rule->until);
    put(out, "hours", rule->hours_text);
    if (rule->skip_undecided)
        put(out, "undecided", "skip");
}

static void put_rule(FILE *out, const struct rule *rule)
{
    put(out, "rule", rule->name);
    put_conditions(out, rule);
    put(out, "purpose", rule->purpose);
    put(out, "approved_by", rule->approved_by);
}

static int by_account_name(const void *left, const void *right)
{
    const struct account *const *a = left, *const *b = right;

    return strcmp((*a)->name, (*b)->name);
}

static int by_target_name(const void *left, const void *right)
{
    const struct target *const *a = left, *const *b = right;

    return strcmp((*a)->name, (*b)->name);
}

/* A sorted copy of an array of pointers. */
static void *sorted(void *pointers, size_t count, int (*compare)(const void *, const void *))
{
    void **copy = xcalloc(count, sizeof(*copy));

    if (count > 0)
        memcpy(copy, pointers, count * sizeof(*copy));
    qsort(copy, count, sizeof(*copy), compare);
    return copy;
}

static void put_config(FILE *out, const struct config *config)
{
    const struct rule_set *set = config->rules;
    struct account **accounts = sorted(config->accounts, config->n_accounts, by_account_name);
    struct target **targets = sorted(config->targets, config->n_targets, by_target_name);

    put(out, "instance", config->instance);
    put_list(out, "domain", set->domains);
    put_list(out, "removed_field", set->removed_fields);
    for (size_t i = 0; i < 3; i++)
        put(out, "prefix", set->subject_prefix[i]);
    for (size_t i = 0; i < config->n_accounts; i++)
        if (accounts[i]->watch)
            put_account(out, accounts[i]);
    for (size_t i = 0; i < config->n_targets; i++)
        put_target(out, targets[i]);
    for (size_t i = 0; i < set->count; i++)
        put_rule(out, &set->rules[i]);
    free(accounts);
    free(targets);
}

void config_digest(struct config *config)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char *text;
    size_t len;
    FILE *out = memory_check(open_memstream(&text, &len));

    put_config(out, config);
    if (fclose(out) != 0)
        memory_exhausted();
    SHA256((const unsigned char *)text, len, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(&config->rules_digest[2 * i], 3, "%02x", digest[i]);
    free(text);
}

char *config_rule_text(const struct rule *rule)
{
    char *text;
    size_t len;
    FILE *out = memory_check(open_memstream(&text, &len));

    put_conditions(out, rule);
    if (fclose(out) != 0)
        memory_exhausted();
    return text;
}
