/*
 * The effective configuration in its own syntax: defaults filled in, paths absolute, lists
 * resolved, accounts of accounts_file as sections. What is printed can be loaded again and means
 * the same.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/config/config.h"
#include "agent/util/decimal.h"

struct printer {
    FILE *out;
    int width; /* width of the key column */
};

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (strchr("\"\\$", *text) != NULL)
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put(const struct printer *printer, const char *key, const char *value)
{
    if (value == NULL)
        return;
    fprintf(printer->out, "    %-*s = ", printer->width, key);
    put_string(printer->out, value);
    fputc('\n', printer->out);
}

/* For values without quotes. */
__attribute__((format(printf, 3, 4))) static void
put_plain(const struct printer *printer, const char *key, const char *format, ...)
{
    va_list arguments;

    fprintf(printer->out, "    %-*s = ", printer->width, key);
    va_start(arguments, format);
    vfprintf(printer->out, format, arguments);
    va_end(arguments);
    fputc('\n', printer->out);
}

static void put_bool(const struct printer *printer, const char *key, bool value)
{
    put_plain(printer, key, "%s", value ? "true" : "false");
}

static void put_list(const struct printer *printer, const char *key, char *const *list)
{
    if (list == NULL || *list == NULL)
        return;
    fprintf(printer->out, "    %-*s = {", printer->width, key);
    for (size_t i = 0; list[i] != NULL; i++) {
        fputs(i > 0 ? ", " : "", printer->out);
        put_string(printer->out, list[i]);
    }
    fputs("}\n", printer->out);
}

static struct printer begin(FILE *out, const char *kind, const char *name, int width)
{
    fprintf(out, "\n%s ", kind);
    if (name != NULL) {
        put_string(out, name);
        fputc(' ', out);
    }
    fputs("{\n", out);
    return (struct printer){out, width};
}

static void end(const struct printer *printer)
{
    fputs("}\n", printer->out);
}

/* ---- sections ---- */

static void put_secret(const struct printer *printer, const struct secret_source *secret)
{
    put(printer, "password_file", secret->password_file);
    put(printer, "password_command", secret->password_command);
    put(printer, "oauth_token_command", secret->oauth_token_command);
}

static void print_server(FILE *out, const struct server *server)
{
    struct printer printer = begin(out, "server", server->name, 20);

    put(&printer, "imap", server->imap.url);
    put(&printer, "smtp", server->smtp.url);
    put(&printer, "pop3", server->pop3.url);
    put(&printer, "ca_file", server->ca_file);
    put(&printer, "master_user", server->master_user);
    put(&printer, "master_password_file", server->master.password_file);
    put_plain(&printer, "max_sessions", "%u", server->max_sessions);
    put(&printer, "authserv_id", server->authserv_id);
    end(&printer);
}

static void print_account(FILE *out, const struct account *account)
{
    struct printer printer = begin(out, "account", account->name, 19);

    put(&printer, "server", account->server->name);
    put(&printer, "address", account->address);
    put_list(&printer, "aliases", account->aliases);
    put(&printer, "login", account->login);
    put_secret(&printer, &account->secret);
    put_bool(&printer, "monitor", account->monitor);
    put_bool(&printer, "watch", account->watch);
    put_list(&printer, "folders", account->folders);
    end(&printer);
}

static void print_target(FILE *out, const struct target *target)
{
    static const char *const forms[] = {"rewritten", "attached", "headers"};
    struct printer printer = begin(out, "target", target->name, 19);

    put(&printer, "server", target->server->name);
    put(&printer, "login", target->login);
    put_secret(&printer, &target->secret);
    put(&printer, "folder", target->folder);
    put(&printer, "form", forms[target->form]);
    put(&printer, "reply_to", target->reply_to);
    put_plain(&printer, "alarm_after", "%us", target->alarm_after);
    end(&printer);
}

static void put_day(const struct printer *printer, const char *key, time_t time)
{
    struct tm tm;
    char text[32];

    if (gmtime_r(&time, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%d", &tm) == 0)
        return;
    put(printer, key, text);
}

static void put_selector(const struct printer *printer, const char *key, enum selector selector)
{
    static const char *const names[] = {"none", "selected", "all"};

    put(printer, key, names[selector]);
}

static void put_conditions(const struct printer *printer, const struct rule *rule)
{
    if (rule->has_min_size)
        put_plain(printer, "min_size", "%juB", (uintmax_t)rule->min_size);
    if (rule->has_max_size)
        put_plain(printer, "max_size", "%juB", (uintmax_t)rule->max_size);
    put_list(printer, "users", rule->users);
    put_list(printer, "not_users", rule->not_users);
    put_list(printer, "from", rule->from);
    put_list(printer, "to", rule->to);
    put_list(printer, "subject", rule->subject);
    put_list(printer, "header", rule->header);
    put_list(printer, "body", rule->body);
    put_list(printer, "attachment", rule->attachment);
    if (rule->encrypted)
        put_plain(printer, "encrypted", "true");
    if (rule->has_since)
        put_day(printer, "since", rule->since);
    if (rule->has_until)
        put_day(printer, "until", rule->until - 1);
    put(printer, "hours", rule->hours_text);
}

static bool names_no_direction(const struct rule *rule)
{
    return rule->incoming == SELECT_NONE && rule->outgoing == SELECT_NONE &&
           rule->internal == SELECT_NONE;
}

static void print_rule(FILE *out, const struct rule *rule)
{
    struct printer printer = begin(out, "rule", rule->name, 11);

    if (rule->exempt)
        put_plain(&printer, "exempt", "true");
    if (!rule->exempt || !names_no_direction(rule)) {
        put_selector(&printer, "incoming", rule->incoming);
        put_selector(&printer, "outgoing", rule->outgoing);
        put_selector(&printer, "internal", rule->internal);
    }
    put_list(&printer, "addresses", rule->addresses);
    put_conditions(&printer, rule);
    if (!rule->exempt)
        put_plain(&printer, "sample", "%.15g", rule->sample);
    if (rule->skip_undecided)
        put(&printer, "undecided", "skip");
    put_list(&printer, "targets", rule->targets);
    put(&printer, "purpose", rule->purpose);
    put(&printer, "approved_by", rule->approved_by);
    end(&printer);
}

/* ---- the top ---- */

static void put_top_list(FILE *out, const char *key, char *const *list)
{
    fprintf(out, "%-14s = {", key);
    for (size_t i = 0; list[i] != NULL; i++) {
        fputs(i > 0 ? ", " : "", out);
        put_string(out, list[i]);
    }
    fputs("}\n", out);
}

static void put_top(FILE *out, const char *key, const char *value)
{
    fprintf(out, "%-14s = ", key);
    put_string(out, value);
    fputc('\n', out);
}

static void print_top(FILE *out, const struct config *config)
{
    const struct rule_set *set = config->rules;

    put_top(out, "instance", config->instance);
    put_top_list(out, "domains", set->domains);
    put_top(out, "state_dir", config->state_dir);
    fprintf(out, "internal_wait  = %us\n", config->internal_wait);
    fprintf(out, "idle_renew     = %us\n", config->idle_renew);
    fprintf(out, "poll_interval  = %us\n", config->poll_interval);
    fprintf(out, "safety_poll    = %us\n", config->safety_poll);
    if (set->removed_fields != NULL && set->removed_fields[0] != NULL)
        put_top_list(out, "removed_fields", set->removed_fields);
}

static void print_texts(FILE *out, const struct rule_set *set)
{
    struct printer printer = begin(out, "texts", NULL, 16);

    put(&printer, "subject_incoming", set->subject_prefix[0]);
    put(&printer, "subject_outgoing", set->subject_prefix[1]);
    put(&printer, "subject_internal", set->subject_prefix[2]);
    end(&printer);
}

/* ---- probes ---- */

static void put_range(const struct printer *printer, const char *key, const struct range *range)
{
    char text[RANGE_TEXT_MAX];

    range_text(range, text);
    if (range->set)
        put(printer, key, text);
}

static void put_damping(const struct printer *printer, const struct probe *probe)
{
    char percent[DECIMAL_TEXT_MAX];

    decimal_text(probe->hysteresis * 100, percent);
    put_plain(printer, "raise", "%u/%u", probe->raise_failures, probe->raise_of);
    put_plain(printer, "clear", "%u", probe->clear);
    put_plain(printer, "hysteresis", "%s", percent);
    put_list(printer, "maintenance", probe->maintenance_texts);
    put_plain(printer, "remind", "%us", probe->remind);
}

static void put_service(const struct printer *printer, const struct probe *probe)
{
    if (probe->account != NULL)
        put(printer, "account", probe->account->name);
    if (probe->account != NULL || probe->type == PROBE_MAILBOX)
        put(printer, "folder", probe->folder);
    if (probe->family != AF_UNSPEC)
        put(printer, "family", probe->family == AF_INET ? "ipv4" : "ipv6");
    put_list(printer, "expect_capability", probe->expect_capability);
    put_plain(printer, "cert_warn", "%us", probe->cert_warn);
    put_plain(printer, "cert_crit", "%us", probe->cert_crit);
    put_range(printer, "newest_warn", &probe->newest_warn);
    put_range(printer, "newest_crit", &probe->newest_crit);
    put_range(printer, "oldest_warn", &probe->oldest_warn);
    put_range(printer, "oldest_crit", &probe->oldest_crit);
    put_range(printer, "count_warn", &probe->count_warn);
    put_range(printer, "count_crit", &probe->count_crit);
    put_range(printer, "quota_warn", &probe->quota_warn);
    put_range(printer, "quota_crit", &probe->quota_crit);
}

static void put_roundtrip(const struct printer *printer, const struct probe *probe)
{
    put(printer, "return_account", probe->return_account->name);
    put(printer, "return_folder", probe->return_folder);
    put(printer, "junk_folder", probe->junk_folder);
    put(printer, "reply_to", probe->reply_to);
    put_plain(printer, "lost", "%us", probe->lost);
    put(printer, "secret_file", probe->secret_file);
    put_bool(printer, "dedicated", probe->dedicated);
}

static void print_probe(FILE *out, const struct probe *probe)
{
    struct printer printer = begin(out, "probe", probe->name, 19);

    put(&printer, "type", probe_type_text(probe->type));
    put(&printer, "server", probe->server->name);
    put_plain(&printer, "every", "%us", probe->every);
    put_plain(&printer, "timeout", "%ums", probe->timeout);
    put_range(&printer, "warn", &probe->warn);
    put_range(&printer, "crit", &probe->crit);
    put(&printer, "from", probe->from);
    put(&printer, "to", probe->to);
    put(&printer, "login", probe->login);
    put_secret(&printer, &probe->secret);
    if (probe->type == PROBE_ROUNDTRIP)
        put_roundtrip(&printer, probe);
    else
        put_service(&printer, probe);
    put_damping(&printer, probe);
    end(&printer);
}

static void print_reflector(FILE *out, const struct reflector *reflector)
{
    struct printer printer = begin(out, "reflector", reflector->name, 11);

    put(&printer, "account", reflector->account->name);
    put(&printer, "server", reflector->server->name);
    put(&printer, "address", reflector->address);
    put(&printer, "reply_to", reflector->reply_to);
    put(&printer, "folder", reflector->folder);
    put(&printer, "secret_file", reflector->secret_file);
    put(&printer, "sender", reflector->sender);
    put_plain(&printer, "keep", "%us", reflector->keep);
    put_bool(&printer, "dedicated", reflector->dedicated);
    end(&printer);
}

static void print_alert(FILE *out, const struct alert *alert)
{
    struct printer printer = begin(out, "alert", NULL, 7);

    put_list(&printer, "command", alert->command);
    put(&printer, "webhook", alert->webhook);
    put(&printer, "ca_file", alert->ca_file);
    put_list(&printer, "probes", alert->probes);
    end(&printer);
}

static void print_status(FILE *out, const char *listen)
{
    if (listen == NULL)
        return;
    struct printer printer = begin(out, "status", NULL, 6);
    put(&printer, "listen", listen);
    end(&printer);
}

void config_print(const struct config *config, FILE *out)
{
    print_top(out, config);
    for (size_t i = 0; i < config->n_servers; i++)
        print_server(out, config->servers[i]);
    for (size_t i = 0; i < config->n_accounts; i++)
        print_account(out, config->accounts[i]);
    for (size_t i = 0; i < config->n_targets; i++)
        print_target(out, config->targets[i]);
    for (size_t i = 0; i < config->rules->count; i++)
        print_rule(out, &config->rules->rules[i]);
    print_texts(out, config->rules);
    for (size_t i = 0; i < config->n_probes; i++)
        print_probe(out, config->probes[i]);
    for (size_t i = 0; i < config->n_reflectors; i++)
        print_reflector(out, config->reflectors[i]);
    for (size_t i = 0; i < config->n_alerts; i++)
        print_alert(out, config->alerts[i]);
    print_status(out, config->status_listen);
}
