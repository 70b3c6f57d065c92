#include "agent/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/util/memory.h"

/* ---- freeing ---- */

void config_strings_free(char **list)
{
    for (char **text = list; text != NULL && *text != NULL; text++)
        free(*text);
    free(list);
}

static void clear_secret(struct secret_source *secret)
{
    free(secret->password_file);
    free(secret->password_command);
    free(secret->oauth_token_command);
    free(secret->file);
    *secret = (struct secret_source){0};
}

static void clear_endpoint(struct endpoint *endpoint)
{
    free(endpoint->host);
    free(endpoint->url);
}

static void server_free(struct server *server)
{
    if (server == NULL)
        return;
    clear_endpoint(&server->imap);
    clear_endpoint(&server->smtp);
    clear_endpoint(&server->pop3);
    clear_secret(&server->master);
    free(server->ca_file);
    free(server->master_user);
    free(server->authserv_id);
    free(server->name);
    free(server->file);
    free(server);
}

void config_account_free(struct account *account)
{
    if (account == NULL)
        return;
    config_strings_free(account->aliases);
    config_strings_free(account->folders);
    clear_secret(&account->secret);
    free(account->name);
    free(account->file);
    free(account->address);
    free(account->login);
    free(account);
}

static void target_free(struct target *target)
{
    if (target == NULL)
        return;
    clear_secret(&target->secret);
    free(target->name);
    free(target->file);
    free(target->login);
    free(target->folder);
    free(target->reply_to);
    free(target);
}

static void probe_free(struct probe *probe)
{
    if (probe == NULL)
        return;
    for (size_t i = 0; probe->maintenance != NULL && probe->maintenance[i] != NULL; i++)
        hours_free(probe->maintenance[i]);
    free(probe->maintenance);
    config_strings_free(probe->maintenance_texts);
    config_strings_free(probe->expect_capability);
    clear_secret(&probe->secret);
    free(probe->name);
    free(probe->file);
    free(probe->folder);
    free(probe->from);
    free(probe->to);
    free(probe->login);
    free(probe->return_folder);
    free(probe->junk_folder);
    free(probe->reply_to);
    free(probe->secret_file);
    free(probe);
}

static void reflector_free(struct reflector *reflector)
{
    if (reflector == NULL)
        return;
    free(reflector->name);
    free(reflector->file);
    free(reflector->address);
    free(reflector->reply_to);
    free(reflector->folder);
    free(reflector->secret_file);
    free(reflector->sender);
    free(reflector);
}

static void alert_free(struct alert *alert)
{
    if (alert == NULL)
        return;
    config_strings_free(alert->command);
    config_strings_free(alert->probes);
    free(alert->webhook);
    free(alert->ca_file);
    free(alert->file);
    free(alert);
}

struct config *config_hold(struct config *config)
{
    config->holders++;
    return config;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    if (config->holders > 0) {
        config->holders--;
        return;
    }
    for (size_t i = 0; i < config->n_alerts; i++)
        alert_free(config->alerts[i]);
    for (size_t i = 0; i < config->n_reflectors; i++)
        reflector_free(config->reflectors[i]);
    for (size_t i = 0; i < config->n_probes; i++)
        probe_free(config->probes[i]);
    for (size_t i = 0; i < config->n_accounts; i++)
        config_account_free(config->accounts[i]);
    for (size_t i = 0; i < config->n_targets; i++)
        target_free(config->targets[i]);
    for (size_t i = 0; i < config->n_servers; i++)
        server_free(config->servers[i]);
    free(config->alerts);
    free(config->reflectors);
    free(config->probes);
    free(config->accounts);
    free(config->targets);
    free(config->servers);
    config_strings_free(config->lists);
    rule_set_free(config->rules);
    free(config->status_listen);
    free(config->instance);
    free(config->state_dir);
    free(config->rules_dir);
    free(config->path);
    free(config);
}

/* ---- looking up ---- */

const struct account *config_account(const struct config *config, const char *name_or_address)
{
    const struct account *found = NULL;

    for (size_t i = 0; i < config->n_accounts; i++) {
        const struct account *account = config->accounts[i];
        if (strcmp(account->name, name_or_address) == 0)
            return account;
        if (found == NULL && strcasecmp(account->address, name_or_address) == 0)
            found = account;
    }
    return found;
}

const struct target *config_target(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n_targets; i++)
        if (strcmp(config->targets[i]->name, name) == 0)
            return config->targets[i];
    return NULL;
}

const struct probe *config_probe(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n_probes; i++)
        if (strcmp(config->probes[i]->name, name) == 0)
            return config->probes[i];
    return NULL;
}

/* ---- accounts and probes ---- */

char *config_mailbox(const struct server *server, const char *login)
{
    char *mailbox;

    if (server == NULL || server->imap.host == NULL || login == NULL)
        return xstrdup("");
    /* Port 993 shows the same mailboxes as 143. */
    mailbox = xasprintf("%s:%u/%s", server->imap.host,
                        server->imap.port == 993 ? 143u : server->imap.port, login);
    for (char *c = mailbox; *c != '/'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return mailbox;
}

struct owner account_owner(const struct account *account)
{
    return (struct owner){
        .account = account->name,
        .address = account->address,
        .aliases = (const char *const *)account->aliases,
        .monitor = account->monitor,
        .authserv_id = account->server != NULL ? account->server->authserv_id : NULL,
    };
}

const char *probe_type_text(enum probe_type type)
{
    static const char *const names[] = {"imap", "pop3", "smtp", "mailbox", "roundtrip"};

    return names[type];
}

const struct endpoint *probe_endpoint(const struct probe *probe)
{
    switch (probe->type) {
    case PROBE_POP3:
        return &probe->server->pop3;
    case PROBE_SMTP:
    case PROBE_ROUNDTRIP:
        return &probe->server->smtp;
    case PROBE_IMAP:
    case PROBE_MAILBOX:
        break;
    }
    return &probe->server->imap;
}
