/*
 * A configuration while it is made: what the config_*.c share. Each reads the sections of its
 * concept from a source into the config, and tells what is wrong; the order is that of
 * config_load.c.
 */
#ifndef AGENT_CONFIG_LOADER_H
#define AGENT_CONFIG_LOADER_H

#include "agent/config.h"
#include "agent/config_problems.h"
#include "agent/config_source.h"
#include "agent/name_index.h"

#define CONFIG_PREFIX_MAX 200 /* octets of a Subject's prefix */

struct config_loader {
    struct config *config;
    struct config_problems *problems;
    struct config_source **sources; /* the main file, then those of rules_dir; kept to the end */
    size_t n_sources;
    struct name_index *servers, *targets;
    struct name_index *accounts;  /* by name */
    struct name_index *addresses; /* addresses and aliases in lower case: their account */
    struct name_index *logins;    /* "server\nlogin": its account */
};

/* A NULL-terminated list that grows by one; *list NULL is an empty one. Takes text. */
void config_strings_add(char ***list, size_t *count, char *text);
void config_strings_free(char **list);
/* All values of a key, as a list: never NULL. */
char **config_strings(const struct config_section *section, const char *key);

/* Tells what is wrong with a section's name. */
void config_check_name(const struct config_section *section);
/* Reads a duration between least and most seconds. */
void config_duration(const struct config_section *section, const char *key, unsigned least,
                     unsigned most, unsigned *seconds);
void config_bool(const struct config_section *section, const char *key, bool *value);
/* A new string, or NULL: not given. Empty values are told. */
char *config_string(const struct config_section *section, const char *key);

/* The server that the section names, or the only one there is; NULL: a problem was told. */
const struct server *config_section_server(const struct config_loader *loader,
                                           const struct config_section *section);
/* Reads password_file, password_command, oauth_token_command, and checks the file. With none of
 * them the server needs a master user. */
void config_section_secret(const struct config_section *section, const struct server *server,
                           struct secret_source *secret);
void config_secret_clear(struct secret_source *secret);

void config_load_servers(struct config_loader *loader, const struct config_source *source);
void config_load_accounts(struct config_loader *loader, const struct config_source *source);
void config_load_targets(struct config_loader *loader, const struct config_source *source);
/* Lists and rules of all sources; rules_prepare(). */
void config_load_rules(struct config_loader *loader);
void config_load_texts(struct config_loader *loader, const struct config_source *source);
/* probe, reflector, alert, status: known and checked, not yet in use. */
void config_load_later(struct config_loader *loader, const struct config_source *source);
void config_digest(struct config *config);

/*
 * An account made elsewhere (accounts_file.h): checks what accounts must be among each other, and
 * takes it. Where it stands is in account->file and account->line.
 */
void config_take_account(struct config_loader *loader, struct account *account);

/* NULL: it can stand in folders; else what is wrong with it (static text). */
const char *config_folder_fault(const char *folder);
/* INBOX and \Sent in the one way of writing that the rest of the program knows. */
void config_folders_settle(char **folders);
/* INBOX and \Sent. */
char **config_default_folders(void);

void config_server_free(struct server *server);
void config_account_free(struct account *account);
void config_target_free(struct target *target);

#endif
