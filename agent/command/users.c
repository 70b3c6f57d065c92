#include "agent/command/users.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "agent/command/coverage.h"
#include "agent/util/json.h"
#include "agent/util/text_table.h"
#include "rules/util/memory.h"

enum { MONITORED_COLUMNS = 7, OTHERS_COLUMNS = 4, EXEMPT_COLUMNS = 4 };

static const char *yes_or_no(bool value)
{
    return value ? "yes" : "no";
}

static void put_joined(struct text_table *table, char *const *texts)
{
    char *joined = coverage_join(texts);

    text_table_cell(table, joined);
    free(joined);
}

/* ---- monitored ---- */

static void put_rule(struct text_table *table, const struct rule *rule, unsigned directions)
{
    char text[40], *conditions = coverage_conditions(rule);

    text_table_cell(table, rule->name);
    text_table_cell(table, direction_text(directions, text));
    put_joined(table, rule->targets);
    text_table_cell(table, conditions);
    free(conditions);
}

/* One row for each rule; only the first names the account. */
static void put_monitored(struct text_table *table, const struct config *config,
                          const struct account *account)
{
    bool first = true;

    for (size_t i = 0; i < config->rules->count; i++) {
        const struct rule *rule = &config->rules->rules[i];
        unsigned directions = coverage_directions(config, rule, account);
        if (directions == 0)
            continue;
        text_table_cell(table, first ? account->name : "");
        text_table_cell(table, first ? account->address : "");
        text_table_cell(table, first ? yes_or_no(account->monitor) : "");
        put_rule(table, rule, directions);
        first = false;
    }
}

static void print_monitored(const struct config *config, FILE *out)
{
    static const char *const names[MONITORED_COLUMNS] = {
        "account", "address", "selected", "rule", "directions", "copied to", "only if"};
    struct text_table table;
    size_t count = 0;

    text_table_begin(&table, names, MONITORED_COLUMNS);
    for (size_t i = 0; i < config->n_accounts; i++) {
        if (coverage_reason(config, config->accounts[i]) != COVERAGE_MONITORED)
            continue;
        put_monitored(&table, config, config->accounts[i]);
        count++;
    }
    fprintf(out, "Monitored: %zu of %zu\n", count, config->n_accounts);
    if (count > 0)
        text_table_print(&table, "  ", out);
    text_table_clear(&table);
}

/* ---- not monitored ---- */

static void print_others(const struct config *config, FILE *out)
{
    static const char *const names[OTHERS_COLUMNS] = {"account", "address", "selected", "why"};
    struct text_table table;
    size_t count = 0;

    text_table_begin(&table, names, OTHERS_COLUMNS);
    for (size_t i = 0; i < config->n_accounts; i++) {
        const struct account *account = config->accounts[i];
        const char *reason = coverage_reason_text(coverage_reason(config, account));
        if (reason == NULL)
            continue;
        text_table_cell(&table, account->name);
        text_table_cell(&table, account->address);
        text_table_cell(&table, yes_or_no(account->monitor));
        text_table_cell(&table, reason);
        count++;
    }
    fprintf(out, "\nNot monitored: %zu\n", count);
    if (count > 0)
        text_table_print(&table, "  ", out);
    text_table_clear(&table);
}

/* ---- exempt ---- */

static void print_exempt(const struct config *config, FILE *out)
{
    static const char *const names[EXEMPT_COLUMNS] = {"addresses", "rule", "only if",
                                                      "approved by"};
    struct text_table table;
    size_t count = 0;

    text_table_begin(&table, names, EXEMPT_COLUMNS);
    for (size_t i = 0; i < config->rules->count; i++) {
        const struct rule *rule = &config->rules->rules[i];
        if (!rule->exempt)
            continue;
        char *conditions = coverage_conditions(rule);
        put_joined(&table, rule->addresses);
        text_table_cell(&table, rule->name);
        text_table_cell(&table, conditions);
        text_table_cell(&table, rule->approved_by != NULL ? rule->approved_by : "");
        free(conditions);
        count++;
    }
    fprintf(out, "\nExempt, never copied:%s\n", count > 0 ? "" : " none");
    if (count > 0)
        text_table_print(&table, "  ", out);
    text_table_clear(&table);
}

void users_print(const struct config *config, FILE *out)
{
    print_monitored(config, out);
    print_others(config, out);
    print_exempt(config, out);
}

/* ---- JSON ---- */

static void json_list(struct json *json, const char *key, char *const *texts)
{
    json_array(json, key);
    for (; texts != NULL && *texts != NULL; texts++)
        json_string(json, NULL, *texts);
    json_array_end(json);
}

static void json_conditions(struct json *json, const struct rule *rule)
{
    const char *condition;

    json_array(json, "conditions");
    for (size_t i = 0; (condition = coverage_condition(rule, i)) != NULL; i++)
        if (*condition != '\0')
            json_string(json, NULL, condition);
    json_array_end(json);
}

static void json_takes(struct json *json, const struct rule *rule, unsigned directions)
{
    char text[40], sample[32];

    snprintf(sample, sizeof(sample), "%.15g", rule->sample);
    json_object(json, NULL);
    json_string(json, "rule", rule->name);
    json_array(json, "directions");
    for (unsigned d = DIRECTION_INCOMING; d <= DIRECTION_INTERNAL; d <<= 1)
        if ((directions & d) != 0)
            json_string(json, NULL, direction_text(d, text));
    json_array_end(json);
    json_list(json, "targets", rule->targets);
    json_string(json, "sample", sample);
    json_string(json, "undecided", rule->skip_undecided ? "skip" : "copy");
    json_conditions(json, rule);
    json_object_end(json);
}

static void json_account(struct json *json, const struct config *config,
                         const struct account *account)
{
    const char *reason = coverage_reason_name(coverage_reason(config, account));

    json_object(json, NULL);
    json_string(json, "account", account->name);
    json_string(json, "address", account->address);
    json_list(json, "aliases", account->aliases);
    json_string(json, "server", account->server->name);
    json_bool(json, "selected", account->monitor);
    json_bool(json, "monitored", reason == NULL);
    json_string(json, "reason", reason);
    json_array(json, "takes");
    for (size_t i = 0; i < config->rules->count; i++) {
        const struct rule *rule = &config->rules->rules[i];
        unsigned directions = coverage_directions(config, rule, account);
        if (directions != 0)
            json_takes(json, rule, directions);
    }
    json_array_end(json);
    json_object_end(json);
}

static void json_exempt(struct json *json, const struct rule *rule)
{
    json_object(json, NULL);
    json_string(json, "rule", rule->name);
    json_list(json, "addresses", rule->addresses);
    json_conditions(json, rule);
    json_string(json, "purpose", rule->purpose);
    json_string(json, "approved_by", rule->approved_by);
    json_object_end(json);
}

void users_print_json(const struct config *config, FILE *out)
{
    struct json json;

    json_begin(&json, out);
    json_object(&json, NULL);
    json_string(&json, "instance", config->instance);
    json_array(&json, "accounts");
    for (size_t i = 0; i < config->n_accounts; i++)
        json_account(&json, config, config->accounts[i]);
    json_array_end(&json);
    json_array(&json, "exempt");
    for (size_t i = 0; i < config->rules->count; i++)
        if (config->rules->rules[i].exempt)
            json_exempt(&json, &config->rules->rules[i]);
    json_array_end(&json);
    json_object_end(&json);
}

int users_command(const char *config_path, bool json, FILE *out, FILE *err)
{
    struct config_problems problems = {0};
    struct config *config = config_load(config_path, &problems);

    config_problems_print(&problems, err);
    config_problems_clear(&problems);
    if (config == NULL)
        return EX_CONFIG;
    if (json)
        users_print_json(config, out);
    else
        users_print(config, out);
    config_free(config);
    return EX_OK;
}
