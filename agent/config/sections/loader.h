/*
 * A configuration while it is loaded: what the files of this folder share. Each reads the sections
 * of its concept from a source into the config and reports problems, in the order of load.c.
 */
#ifndef AGENT_CONFIG_SECTIONS_LOADER_H
#define AGENT_CONFIG_SECTIONS_LOADER_H

#include "agent/config/config.h"
#include "agent/config/syntax/problems.h"
#include "agent/config/syntax/source.h"
#include "agent/util/name_index.h"

#define CONFIG_PREFIX_MAX 200 /* bytes of a Subject's prefix */

struct config_loader {
    struct config *config;
    struct config_problems *problems;
    struct config_source **sources; /* the main file, then those of rules_dir; kept to the end */
    size_t n_sources;
    struct name_index *servers, *targets, *probes;
    struct name_index *accounts;  /* by name */
    struct name_index *addresses; /* addresses and aliases in lower case: their account */
    struct name_index *logins;    /* "server\nlogin": its account */
};

/* Appends text (takes ownership) to a NULL-terminated list; *list NULL: an empty one. */
void config_strings_add(char ***list, size_t *count, char *text);
/* All values of a key, as a list: never NULL. */
char **config_strings(const struct config_section *section, const char *key);

/* Reports an invalid section name. */
void config_check_name(const struct config_section *section);
/* Reads a duration between least and most seconds. */
void config_duration(const struct config_section *section, const char *key, unsigned least,
                     unsigned most, unsigned *seconds);
void config_bool(const struct config_section *section, const char *key, bool *value);
/* A new string, or NULL: not given. An empty value is reported. */
char *config_string(const struct config_section *section, const char *key);

/* The server that the section names, or the only one there is; NULL: a problem was reported.
 * service: "imap", "pop3" or "smtp", which it must have; NULL: any. */
const struct server *config_section_server(const struct config_loader *loader,
                                           const struct config_section *section,
                                           const char *service);
/* Likewise, but where none is named it is the account's, if that is not NULL. */
const struct server *config_account_server(const struct config_loader *loader,
                                           const struct config_section *section,
                                           const struct account *account, const char *service);
/* Reports a server without that service. value NULL: at the section's line. */
void config_need_service(const struct config_section *section, const struct config_value *value,
                         const struct server *server, const char *service);
/* The account that the key names; NULL: not given, or a problem was reported. */
const struct account *config_section_account(const struct config_loader *loader,
                                             const struct config_section *section, const char *key);
/* An account whose mailbox receives test messages; its server must have IMAP. */
const struct account *config_section_mailbox(const struct config_loader *loader,
                                             const struct config_section *section, const char *key);
/* A new string with its domain in lower case; NULL: not given, or a problem was reported. */
char *config_section_address(const struct config_section *section, const char *key);
/* The name of one folder, or a copy of by_default, which may be NULL. */
char *config_section_folder(const struct config_section *section, const char *key,
                            const char *by_default);
/* The path of a file of keys (reflect/token.h), which must be given and usable. */
char *config_section_keys(const struct config_section *section, const char *key);
/* Problems for those keys that are not given. keys: NULL-terminated. */
void config_section_required(const struct config_section *section, const char *const *keys);
/* Reads password_file, password_command, oauth_token_command, and checks the file. With none of
 * them the server needs a master user. */
void config_section_secret(const struct config_section *section, const struct server *server,
                           struct secret_source *secret);

/* The path of ca_file, which must hold a certificate; NULL: not given. */
char *config_section_ca_file(const struct config_section *section);
/* Reports what is wrong with its file, at the value. */
void config_section_check_secret(const struct config_section *section,
                                 const struct config_value *value,
                                 const struct secret_source *secret);

void config_load_servers(struct config_loader *loader, const struct config_source *source);
void config_load_accounts(struct config_loader *loader, const struct config_source *source);
void config_load_targets(struct config_loader *loader, const struct config_source *source);
/* Lists and rules of all sources; rules_prepare(). */
void config_load_rules(struct config_loader *loader);
/* Warns of an exempt rule that what a sender writes can turn on. */
void config_check_exempt(const struct config_loader *loader, const struct config_section *section);
void config_load_texts(struct config_loader *loader, const struct config_source *source);
void config_load_probes(struct config_loader *loader, const struct config_source *source);
void config_load_reflectors(struct config_loader *loader, const struct config_source *source);
void config_load_alerts(struct config_loader *loader, const struct config_source *source);
void config_load_status(struct config_loader *loader, const struct config_source *source);
void config_digest(struct config *config);
/* What the rule selects and where it goes, without its name and reasons; a new string. */
char *config_rule_text(const struct rule *rule);

/*
 * Adds the account (takes ownership) and checks it for conflicts with the others. account->file
 * and account->line say where it is defined.
 */
void config_add_account(struct config_loader *loader, struct account *account);

/* Whether the address, its domain in lower case, is in one of our domains. */
bool config_is_inside(const struct config *config, const char *address);
/* 127.0.0.0/8, ::1 or "localhost"; without brackets. */
bool config_is_loopback(const char *host);

/* NULL: valid in "folders"; else what is wrong with it (static text). */
const char *config_folder_fault(const char *folder);
/* Normalizes the spelling of INBOX and \Sent. */
void config_folders_normalize(char **folders);
/* INBOX and \Sent. */
char **config_default_folders(void);

#endif
