#include "agent/config/same.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_list(char *const *a, char *const *b)
{
    for (; *a != NULL && *b != NULL; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static bool same_range(const struct range *a, const struct range *b)
{
    if (!a->set || !b->set)
        return a->set == b->set;
    return a->inside == b->inside && a->start == b->start && a->end == b->end;
}

static bool same_secret(const struct secret_source *a, const struct secret_source *b)
{
    return same_text(a->password_file, b->password_file) &&
           same_text(a->password_command, b->password_command) &&
           same_text(a->oauth_token_command, b->oauth_token_command);
}

/* The URL has it all: security, host, port. */
static bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
    return same_text(a->url, b->url);
}

static bool same_server(const struct server *a, const struct server *b)
{
    return same_text(a->name, b->name) && same_endpoint(&a->imap, &b->imap) &&
           same_endpoint(&a->smtp, &b->smtp) && same_endpoint(&a->pop3, &b->pop3) &&
           same_text(a->ca_file, b->ca_file) && same_text(a->master_user, b->master_user) &&
           same_secret(&a->master, &b->master) && a->max_sessions == b->max_sessions;
}

/* What an IMAP session depends on, no more: the limit of sessions may change. */
static bool same_imap(const struct server *a, const struct server *b)
{
    return same_text(a->name, b->name) && same_text(a->imap.host, b->imap.host) &&
           a->imap.port == b->imap.port && a->imap.security == b->imap.security &&
           same_text(a->ca_file, b->ca_file) && same_text(a->master_user, b->master_user) &&
           same_secret(&a->master, &b->master);
}

bool same_login(const struct server *server_a, const char *login_a,
                const struct secret_source *secret_a, const struct server *server_b,
                const char *login_b, const struct secret_source *secret_b)
{
    return same_imap(server_a, server_b) && same_text(login_a, login_b) &&
           same_secret(secret_a, secret_b);
}

static bool same_account(const struct account *a, const struct account *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return same_text(a->name, b->name) && same_server(a->server, b->server) &&
           same_text(a->address, b->address) && same_text(a->login, b->login) &&
           same_secret(&a->secret, &b->secret);
}

static bool same_thresholds(const struct probe *a, const struct probe *b)
{
    return same_range(&a->warn, &b->warn) && same_range(&a->crit, &b->crit) &&
           same_range(&a->newest_warn, &b->newest_warn) &&
           same_range(&a->newest_crit, &b->newest_crit) &&
           same_range(&a->oldest_warn, &b->oldest_warn) &&
           same_range(&a->oldest_crit, &b->oldest_crit) &&
           same_range(&a->count_warn, &b->count_warn) &&
           same_range(&a->count_crit, &b->count_crit) &&
           same_range(&a->quota_warn, &b->quota_warn) &&
           same_range(&a->quota_crit, &b->quota_crit) && a->cert_warn == b->cert_warn &&
           a->cert_crit == b->cert_crit;
}

static bool same_damping(const struct probe *a, const struct probe *b)
{
    return a->raise_failures == b->raise_failures && a->raise_of == b->raise_of &&
           a->clear == b->clear && a->hysteresis == b->hysteresis && a->remind == b->remind &&
           same_list(a->maintenance_texts, b->maintenance_texts);
}

static bool same_roundtrip(const struct probe *a, const struct probe *b)
{
    return same_account(a->return_account, b->return_account) &&
           same_text(a->return_folder, b->return_folder) &&
           same_text(a->junk_folder, b->junk_folder) && same_text(a->reply_to, b->reply_to) &&
           a->lost == b->lost && same_text(a->secret_file, b->secret_file) &&
           a->dedicated == b->dedicated;
}

bool probe_same(const struct probe *a, const struct probe *b)
{
    return same_text(a->name, b->name) && a->type == b->type && same_server(a->server, b->server) &&
           same_account(a->account, b->account) && a->every == b->every &&
           a->timeout == b->timeout && a->family == b->family &&
           same_list(a->expect_capability, b->expect_capability) &&
           same_text(a->folder, b->folder) && same_text(a->from, b->from) &&
           same_text(a->to, b->to) && same_text(a->login, b->login) &&
           same_secret(&a->secret, &b->secret) && same_thresholds(a, b) && same_damping(a, b) &&
           same_roundtrip(a, b);
}

bool reflector_same(const struct reflector *a, const struct reflector *b)
{
    return same_text(a->name, b->name) && same_account(a->account, b->account) &&
           same_server(a->server, b->server) && same_text(a->address, b->address) &&
           same_text(a->reply_to, b->reply_to) && same_text(a->folder, b->folder) &&
           same_text(a->secret_file, b->secret_file) && same_text(a->sender, b->sender) &&
           a->keep == b->keep && a->dedicated == b->dedicated;
}
