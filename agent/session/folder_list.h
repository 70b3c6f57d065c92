/*
 * Which folders of an account are watched: what the configuration asks for, held against what LIST
 * told. Pure.
 *
 *   "INBOX"    without case
 *   "\Sent"    what the server marks so (SPECIAL-USE), else the folders with a known name for it
 *   "*"        all that can be selected, but Drafts, Junk, Trash and, where a server shows every
 *              message a second time in one, its \All and \Flagged folders
 *   others     by name; "/" stands for the server's separator
 *
 * Names are known, and configured ones found, at top level and below the prefix of the personal
 * namespace, where NAMESPACE told one before.
 *
 * A folder's role is FOLDER_SENT when the server marks it \Sent, or no folder is marked and it has
 * a known name for it, whichever way it was chosen.
 */
#ifndef AGENT_SESSION_FOLDER_LIST_H
#define AGENT_SESSION_FOLDER_LIST_H

#include "imapclient/grammar/response.h"
#include "rules/message.h"

struct listed_folder {
    char *name;
    unsigned flags; /* enum imap_list_flag */
    char delimiter;
};

struct folder_list {
    struct listed_folder *folders;
    size_t count, room;
    char *prefix; /* of the personal namespace; NULL: none */
};

void folder_list_add(struct folder_list *list, const struct imap_list *listed);
/* Takes what LIST and NAMESPACE tell, nothing else. */
void folder_list_hear(struct folder_list *list, const struct imap_untagged *untagged);
void folder_list_clear(struct folder_list *list);

struct chosen_folder {
    char *name;
    enum folder_role role;
};
struct folder_choice {
    struct chosen_folder *folders; /* INBOX first, then Sent, then the rest in the server's order */
    size_t count;
    char **missing; /* what the configuration names and the server does not have; NULL-terminated */
};
struct folder_choice *folder_list_choose(const struct folder_list *list, char *const *wanted);
void folder_choice_free(struct folder_choice *choice);
/* The names of the Sent folders of the list, for `check --connect`. */
bool folder_list_is_sent(const struct folder_list *list, size_t i);
/* The same for the Junk folder, which is never watched for copies. */
bool folder_list_is_junk(const struct folder_list *list, size_t i);

#endif
