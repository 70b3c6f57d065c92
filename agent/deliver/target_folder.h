/*
 * The folder that copies go to, on the session of a target: finds the server's separator and
 * namespace once a session, selects the folder, creates and subscribes it where it is missing.
 */
#ifndef AGENT_DELIVER_TARGET_FOLDER_H
#define AGENT_DELIVER_TARGET_FOLDER_H

#include "imapclient/session.h"

struct target_folder;

struct target_folder *target_folder_new(struct imap_session *session);
void target_folder_free(struct target_folder *folder);

/* Learns separator and prefix. done(NULL) when known; why is not NULL if the server refuses. */
typedef void target_folder_done(void *arg, const char *why);
void target_folder_learn(struct target_folder *folder, target_folder_done *done, void *arg);
char target_folder_separator(const struct target_folder *folder);
/* From the session's on_untagged, always. */
void target_folder_untagged(struct target_folder *folder, const struct imap_untagged *untagged);

/*
 * Selects the folder of that name (below the personal namespace's prefix). create: makes it when it
 * is missing; else a missing one is `why` with *missing set. A folder that is selected already is
 * not selected again.
 */
void target_folder_select(struct target_folder *folder, const char *name, bool create,
                          target_folder_done *done, void *arg);
bool target_folder_is_selected(const struct target_folder *folder, const char *name);
bool target_folder_is_missing(const struct target_folder *folder);
/* The server's full name, and what SELECT told; good while selected. */
const char *target_folder_name(const struct target_folder *folder);
uint32_t target_folder_uidvalidity(const struct target_folder *folder);
uint32_t target_folder_uidnext(const struct target_folder *folder);
bool target_folder_keyword(const struct target_folder *folder, const char *keyword);
/* UIDs up to this were given to our copies: a later search may begin behind it. */
void target_folder_advance(struct target_folder *folder, uint32_t uid);
/* The next select asks the server. */
void target_folder_forget(struct target_folder *folder);

#endif
