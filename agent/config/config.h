/*
 * The configuration: every key of mailvigil.conf(5). Parsed by libconfuse, checked as a whole: all
 * mistakes are collected, each with file and line, what was found and what was expected.
 *
 * A struct config is never changed after config_load(); a reload makes a new one.
 * Ownership: everything belongs to the config; config_free().
 * Units: bytes, seconds.
 */
#ifndef AGENT_CONFIG_CONFIG_H
#define AGENT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "agent/system/secret.h"
#include "agent/util/range.h"
#include "rules/copy/copy.h"
#include "rules/rule.h"
#include "rules/time/hours.h"

#define CONFIG_DEFAULT_PATH MAILVIGIL_SYSCONFDIR "/mailvigil.conf"
#define PROBE_STATE_WINDOW_MAX 30 /* results that "raise" and "clear" may look back on */

enum security { SECURITY_TLS, SECURITY_STARTTLS, SECURITY_PLAIN };

struct endpoint {
    bool set;
    enum security security;
    char *host; /* without brackets */
    uint16_t port;
    char *url; /* as written, for messages */
};

struct server {
    char *name, *file;
    int line;
    struct endpoint imap, smtp, pop3;
    char *ca_file;     /* NULL: the system's */
    char *master_user; /* NULL: none */
    struct secret_source master;
    unsigned max_sessions; /* 0: no limit of ours */
    char *authserv_id;     /* of the Authentication-Results that it adds; NULL: unknown */
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
    bool watch;     /* default true; false: only probes and reflectors use it */
    char **folders; /* NULL-terminated: "INBOX", "\\Sent", "*", "**", names */
};

struct target {
    char *name, *file;
    int line;
    const struct server *server;
    char *login;
    struct secret_source secret;
    char *folder; /* pattern, agent/config/folder_pattern.h expands it */
    enum copy_form form;
    char *reply_to;       /* NULL: none; in the forms attached and headers */
    unsigned alarm_after; /* seconds that a copy may wait before it is a problem, default 1h */
};

enum probe_type { PROBE_IMAP, PROBE_POP3, PROBE_SMTP, PROBE_MAILBOX, PROBE_ROUNDTRIP };

struct probe {
    char *name, *file;
    int line;
    enum probe_type type;
    const struct server *server;
    const struct account *account; /* to log in with; NULL: no login (mailbox: required) */
    unsigned every;                /* seconds, default 60; round trip 300 */
    unsigned timeout;              /* milliseconds of one dialogue, default 10,000 */
    struct range warn, crit;       /* seconds */
    unsigned cert_warn, cert_crit; /* seconds before expiry, default 21d and 7d; 0: never */
    char **expect_capability;      /* NULL-terminated, never NULL */
    int family;                    /* AF_UNSPEC: each that the name has; AF_INET, AF_INET6 */
    char *folder;                  /* imap, mailbox; default INBOX */

    /* damping, probe/verdict/state.h */
    unsigned raise_failures, raise_of; /* default 2 of 3 */
    unsigned clear;                    /* default 2 */
    double hysteresis;                 /* 0 to 1 of the threshold, default 0.1 */
    struct hours **maintenance;        /* NULL-terminated, never NULL */
    char **maintenance_texts;          /* as written, likewise */
    unsigned remind;                   /* seconds, 0: never (default) */

    /* smtp: envelope of the check (to NULL: none), its own login. Round trip: the submission. */
    char *from, *to, *login; /* login: default from (round trip); NULL: the account's, or none */
    struct secret_source secret;

    /* mailbox: ages in seconds, counts, percents */
    struct range newest_warn, newest_crit, oldest_warn, oldest_crit;
    struct range count_warn, count_crit, quota_warn, quota_crit;

    /* round trip */
    const struct account *return_account;
    char *return_folder; /* default INBOX */
    char *junk_folder;   /* NULL: found by SPECIAL-USE or its known names */
    char *reply_to;      /* default: the return account's address; part of what is signed */
    unsigned lost;       /* seconds, default 24h */
    char *secret_file;   /* reflect/token.h */
    bool dedicated;      /* the return folder is for probes only: EXPUNGE may be used */
};

struct reflector {
    char *name, *file;
    int line;
    const struct account *account; /* receives the probes */
    const struct server *server;   /* submission; logs in as the account */
    char *address;                 /* where probes are sent; default: the account's */
    char *reply_to;
    char *folder; /* default INBOX */
    char *secret_file;
    char *sender;  /* envelope sender of answers; "" (default): null sender */
    unsigned keep; /* seconds that answered probes are kept, default 1d */
    bool dedicated;
};

struct alert {
    char *file;
    int line;
    char **command; /* NULL-terminated, absolute path first; NULL: none */
    char *webhook;  /* https, or http to loopback; NULL: none */
    char *ca_file;  /* for the webhook; NULL: the system's */
    char **probes;  /* names; NULL-terminated, never NULL; empty: all */
};

struct config {
    char *path;
    char *instance, *state_dir, *rules_dir;
    unsigned internal_wait; /* seconds, default 10 */
    unsigned idle_renew;    /* default 540; at most 1740 */
    unsigned poll_interval; /* without IDLE and NOTIFY, default 60 */
    unsigned safety_poll;   /* even when nothing seems wrong, default 600 */
    struct server **servers;
    size_t n_servers;
    struct account **accounts;
    size_t n_accounts;
    struct target **targets;
    size_t n_targets;
    char **lists; /* names, for `users` and messages; members are resolved in the rules */
    size_t n_lists;
    struct rule_set *rules; /* prepared; key still zero: it comes from the ledger */
    char rules_digest[65];  /* hex SHA-256 of all that decides what is copied where */
    char *status_listen;    /* NULL: none */
    struct probe **probes;
    size_t n_probes;
    struct reflector **reflectors;
    size_t n_reflectors;
    struct alert **alerts;
    size_t n_alerts;
    unsigned holders; /* config_hold() */
};

struct config_problem {
    char *file;   /* NULL: none */
    int line;     /* 0: none */
    bool warning; /* shown, but the configuration is usable */
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
/* Only instance and state_dir, for commands that must work while the rest is faulty or cannot be
 * read. NULL: these two are not known; problems say why. */
struct config *config_load_place(const char *path, struct config_problems *problems);
void config_free(struct config *config);
/* Needs one more config_free(): for those who keep pointers into it across a reload. */
struct config *config_hold(struct config *config);
/* The effective configuration in its own syntax, secrets as the names of their sources. */
void config_print(const struct config *config, FILE *out);

const struct account *config_account(const struct config *config, const char *name_or_address);
const struct target *config_target(const struct config *config, const char *name);
const struct probe *config_probe(const struct config *config, const char *name);
const char *probe_type_text(enum probe_type type); /* "imap" ... "roundtrip" */
/* The service of its server that it connects to. */
const struct endpoint *probe_endpoint(const struct probe *probe);
/* The mailbox of that login, a new string: equal for the same host and login, whatever the names of
 * the sections and whether by TLS or STARTTLS. Other names of one host or login are not known as
 * such. NULL server: "". */
char *config_mailbox(const struct server *server, const char *login);
/* The account's owner for the rules; borrows from the account. */
struct owner account_owner(const struct account *account);

/* For the readers of sections, which own what is not yet part of a config. NULL: nothing. */
void config_account_free(struct account *account);
void config_strings_free(char **list);

#endif
