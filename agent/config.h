/*
 * The configuration: DESIGN section 4, every key. Read by libconfuse, checked as a whole: all
 * mistakes are collected, each with file and line, what was found and what was expected.
 *
 * A struct config is never changed after config_load(); a reload makes a new one.
 * Ownership: all belongs to the config; config_free().
 * Units: octets, seconds.
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "rules/copy.h"
#include "rules/rule.h"

#define CONFIG_DEFAULT_PATH MAILVIGIL_SYSCONFDIR "/mailvigil.conf"

enum security { SECURITY_TLS, SECURITY_STARTTLS, SECURITY_PLAIN };

struct endpoint {
    bool set;
    enum security security;
    char *host; /* without brackets */
    uint16_t port;
    char *url; /* as written, for messages */
};

/* Where a secret comes from; at most one of them is set. The value is got by secret.h when it is
 * needed and not kept in the config. */
struct secret_source {
    char *password_file;
    char *password_command; /* run by /bin/sh -c; first line of its output */
    char *oauth_token_command;
    int line;
    char *file;
};

struct server {
    char *name, *file;
    int line;
    struct endpoint imap, smtp, pop3;
    char *ca_file;     /* NULL: the system's */
    char *master_user; /* NULL: none */
    struct secret_source master;
    unsigned max_sessions; /* 0: no limit of ours */
};

struct account {
    char *name, *file;
    int line;
    const struct server *server;
    char *address;  /* lower-case domain */
    char **aliases; /* NULL-terminated, never NULL */
    char *login;
    struct secret_source secret;
    bool monitor;
    char **folders; /* NULL-terminated: "INBOX", "\\Sent", "*", names */
};

struct target {
    char *name, *file;
    int line;
    const struct server *server;
    char *login;
    struct secret_source secret;
    char *folder; /* pattern, agent/folder_name.h expands it */
    enum copy_form form;
};

struct config {
    char *path;
    char *instance, *state_dir, *rules_dir;
    unsigned internal_wait; /* seconds, default 10 */
    unsigned idle_renew;    /* default 540; at most 1740 */
    unsigned poll_interval; /* without IDLE and NOTIFY, default 60 */
    unsigned safety_poll;   /* even when all looks well, default 600 */
    struct server **servers;
    size_t n_servers;
    struct account **accounts;
    size_t n_accounts;
    struct target **targets;
    size_t n_targets;
    char **lists; /* names, for `users` and messages; members are resolved in the rules */
    size_t n_lists;
    struct rule_set *rules; /* prepared; key still zero: it comes from the ledger */
    char rules_digest[65];  /* hex SHA-256 over all that decides what is copied where */
    char *status_listen;    /* NULL: none */
};

struct config_problem {
    char *file;   /* NULL: none */
    int line;     /* 0: none */
    bool warning; /* shown, but does not refuse */
    char *text;
};
struct config_problems {
    struct config_problem *problems;
    size_t count, room;
};
void config_problems_print(const struct config_problems *problems, FILE *out);
void config_problems_clear(struct config_problems *problems);
size_t config_errors(const struct config_problems *problems); /* without the warnings */

/* NULL when there are errors (all are in *problems). Reads files only; runs and connects nothing.
 */
struct config *config_load(const char *path, struct config_problems *problems);
void config_free(struct config *config);
/* The effective configuration in its own syntax, secrets as the names of their sources. */
void config_print(const struct config *config, FILE *out);

const struct account *config_account(const struct config *config, const char *name_or_address);
const struct target *config_target(const struct config *config, const char *name);
/* The account's owner as the rules know him; borrows from the account. */
struct owner account_owner(const struct account *account);

#endif
