/*
 * Which folders of an account are watched: the configured folders, looked up in the server's list.
 * Pure.
 *
 *   "INBOX"    in any case
 *   "\Sent"    the folders with the SPECIAL-USE attribute (RFC 6154), else those with a known name
 *   "*"        all selectable folders except Drafts, Junk and Trash and, on servers that show every
 *              message a second time there, \All and \Flagged folders
 *   "**"       really all selectable folders
 *              (both: of the personal namespace, RFC 2342, as far as a NAMESPACE reply tells)
 *   others     by name, with "/" in place of the server's separator
 *
 * Known names and configured names are looked up at top level and below the prefix of the personal
 * namespace, if a NAMESPACE reply came first.
 *
 * A folder's role is FOLDER_SENT if the server marks it \Sent, or if no folder is marked and its
 * name is a known one, however it was chosen.
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
    char *prefix;   /* of the personal namespace; NULL: none */
    char **foreign; /* prefixes of other users' and shared ones; NULL-terminated, or NULL */
};

void folder_list_add(struct folder_list *list, const struct imap_list *listed);
/* Adds LIST replies and takes the prefix from NAMESPACE; ignores all else. */
void folder_list_add_untagged(struct folder_list *list, const struct imap_untagged *untagged);
void folder_list_clear(struct folder_list *list);
struct folder_list folder_list_copy(const struct folder_list *list);

struct chosen_folder {
    char *name;
    enum folder_role role;
    size_t listed; /* its place in the list */
    char **by;     /* what of the configuration names it; NULL-terminated */
    /* For the caller: nothing named it until now; since when something does, 0: always. */
    bool fresh;
    time_t since;
};
struct folder_choice {
    struct chosen_folder *folders; /* INBOX first, then Sent, then the rest in the server's order */
    size_t count;
    char **missing; /* what the configuration names and the server does not have; NULL-terminated */
    char **left_out; /* what "*" leaves out and nothing else names; NULL-terminated */
};
struct folder_choice *folder_list_choose(const struct folder_list *list, char *const *wanted);
/* Whether that, as configured, names it. */
bool folder_list_names(const struct folder_list *list, size_t i, const char *wanted);
void folder_choice_free(struct folder_choice *choice);
/* Whether that is a Sent folder, for `check --connect`. */
bool folder_list_is_sent(const struct folder_list *list, size_t i);
/* Whether that is a Junk folder. */
bool folder_list_is_junk(const struct folder_list *list, size_t i);

#endif
