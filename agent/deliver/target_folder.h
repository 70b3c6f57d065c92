/*
 * The folder that receives the copies, on the session of a target: finds the server's separator and
 * namespace once per session, selects the folder, creates and subscribes it if it is missing. Where
 * a server refuses to create it for its name, names with "_" in place of some characters are tried
 * (other_name.h).
 */
#ifndef AGENT_DELIVER_TARGET_FOLDER_H
#define AGENT_DELIVER_TARGET_FOLDER_H

#include "imapclient/session.h"

struct target_folder;

struct target_folder *target_folder_new(struct imap_session *session);
void target_folder_free(struct target_folder *folder);

/* Asks for separator and prefix. done is called with NULL, also if the server refuses: then there
 * is neither. Not called if the session ends. */
typedef void target_folder_done(void *arg, const char *why);
void target_folder_learn(struct target_folder *folder, target_folder_done *done, void *arg);
char target_folder_separator(const struct target_folder *folder);
/* To be called for every untagged response of the session. */
void target_folder_untagged(struct target_folder *folder, const struct imap_untagged *untagged);

/*
 * Selects the folder of that name (below the personal namespace's prefix). create: if it is
 * missing, it is created. why: it cannot be selected or created; target_folder_is_missing() returns
 * whether it does not exist. If the folder is selected already, done is called from inside this
 * function.
 */
void target_folder_select(struct target_folder *folder, const char *name, bool create,
                          target_folder_done *done, void *arg);
/* Likewise for a trial: a folder that is created is not subscribed. */
void target_folder_probe(struct target_folder *folder, const char *name, target_folder_done *done,
                         void *arg);
/* The last call created it. */
bool target_folder_was_created(const struct target_folder *folder);
bool target_folder_is_selected(const struct target_folder *folder, const char *name);
bool target_folder_is_missing(const struct target_folder *folder);
/* The full name on the server, and the replies to SELECT; valid while selected. */
const char *target_folder_name(const struct target_folder *folder);
uint32_t target_folder_uidvalidity(const struct target_folder *folder);
uint32_t target_folder_exists(const struct target_folder *folder);
uint32_t target_folder_uidnext(const struct target_folder *folder);
bool target_folder_keyword(const struct target_folder *folder, const char *keyword);
/* They are not accepted after all. */
void target_folder_forget_keywords(struct target_folder *folder);
/* Our copies have UIDs up to this one: a later search may start after it. */
void target_folder_advance(struct target_folder *folder, uint32_t uid);
/* The next target_folder_select() asks the server again. */
void target_folder_forget(struct target_folder *folder);

#endif
