#include "agent/session/folder_list.h"

#include <stdlib.h>
#include <string.h>

#include "agent/system/limit.h"
#include "imapclient/text/special.h"
#include "rules/util/memory.h"

static void names_free(char **names)
{
    for (char **name = names; name != NULL && *name != NULL; name++)
        free(*name);
    free(names);
}

static bool is_inbox(const char *name)
{
    return strcasecmp(name, "INBOX") == 0;
}

/* INBOX is one folder, however it is written (RFC 9051 section 5.1). */
static bool is_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0 || (is_inbox(a) && is_inbox(b));
}

/* INBOX may come anywhere in a list, so it is added beyond the limit too. */
void folder_list_add(struct folder_list *list, const struct imap_list *listed)
{
    for (size_t i = 0; i < list->count; i++)
        if (is_same(list->folders[i].name, listed->mailbox)) {
            list->folders[i].flags |= listed->flags;
            return;
        }
    if (list->count >= LIMIT_FOLDERS && !is_inbox(listed->mailbox))
        return;
    if (list->count == list->room) {
        list->room = list->room > 0 ? 2 * list->room : 16;
        list->folders = xreallocarray(list->folders, list->room, sizeof(*list->folders));
    }
    list->folders[list->count++] = (struct listed_folder){
        .name = xstrdup(listed->mailbox), .flags = listed->flags, .delimiter = listed->delimiter};
}

static void take_foreign(struct folder_list *list, const struct imap_untagged *untagged)
{
    names_free(list->foreign);
    list->foreign = xcalloc(untagged->n_words + 1, sizeof(*list->foreign));
    for (size_t i = 0; i < untagged->n_words; i++)
        list->foreign[i] = xstrdup(untagged->words[i]);
}

void folder_list_add_untagged(struct folder_list *list, const struct imap_untagged *untagged)
{
    if (untagged->kind == IMAP_UNTAGGED_LIST) {
        folder_list_add(list, &untagged->list);
    } else if (untagged->kind == IMAP_UNTAGGED_NAMESPACE && untagged->prefix != NULL) {
        free(list->prefix);
        list->prefix = xstrdup(untagged->prefix);
        take_foreign(list, untagged);
    }
}

void folder_list_clear(struct folder_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->folders[i].name);
    free(list->folders);
    free(list->prefix);
    names_free(list->foreign);
    *list = (struct folder_list){0};
}

struct folder_list folder_list_copy(const struct folder_list *list)
{
    struct folder_list copy = {.count = list->count, .room = list->count};
    size_t n = 0;

    copy.folders = xcalloc(list->count, sizeof(*copy.folders));
    for (size_t i = 0; i < list->count; i++) {
        copy.folders[i] = list->folders[i];
        copy.folders[i].name = xstrdup(list->folders[i].name);
    }
    copy.prefix = list->prefix != NULL ? xstrdup(list->prefix) : NULL;
    if (list->foreign == NULL)
        return copy;
    while (list->foreign[n] != NULL)
        n++;
    copy.foreign = xcalloc(n + 1, sizeof(*copy.foreign));
    for (size_t i = 0; i < n; i++)
        copy.foreign[i] = xstrdup(list->foreign[i]);
    return copy;
}

/* Without the prefix of the personal namespace. */
static const char *short_name(const struct folder_list *list, size_t i)
{
    const char *name = list->folders[i].name;
    size_t len = list->prefix != NULL ? strlen(list->prefix) : 0;

    return len > 0 && strncmp(name, list->prefix, len) == 0 ? name + len : name;
}

/* Marked by the server; or no folder is marked for this use, and the name is known. */
static bool has_use(const struct folder_list *list, size_t i, unsigned flag, enum imap_special use)
{
    if ((list->folders[i].flags & flag) != 0)
        return true;
    for (size_t k = 0; k < list->count; k++)
        if ((list->folders[k].flags & flag) != 0)
            return false;
    return imap_special_name(use, list->folders[i].name, list->folders[i].delimiter) ||
           imap_special_name(use, short_name(list, i), list->folders[i].delimiter);
}

bool folder_list_is_sent(const struct folder_list *list, size_t i)
{
    return (list->folders[i].flags & IMAP_LIST_NOSELECT) == 0 &&
           has_use(list, i, IMAP_LIST_SENT, IMAP_SPECIAL_SENT);
}

bool folder_list_is_junk(const struct folder_list *list, size_t i)
{
    return (list->folders[i].flags & IMAP_LIST_NOSELECT) == 0 &&
           has_use(list, i, IMAP_LIST_JUNK, IMAP_SPECIAL_JUNK);
}

/* How much of the name the prefix of a namespace takes, which may lack its delimiter at the end of
 * the name; -1: it is elsewhere. */
static long within(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);

    if (strncmp(name, prefix, len) == 0)
        return (long)len;
    return len > 1 && strlen(name) == len - 1 && strncmp(name, prefix, len - 1) == 0 ? (long)len
                                                                                     : -1;
}

/* In a namespace of other users or a shared one: the longest prefix tells. */
static bool is_foreign(const struct folder_list *list, size_t i)
{
    const char *name = list->folders[i].name;

    if (list->foreign == NULL || is_inbox(name))
        return false;
    for (char **prefix = list->foreign; *prefix != NULL; prefix++)
        if (within(name, *prefix) > within(name, list->prefix))
            return true;
    return false;
}

/* Whether "*" leaves it out. */
static bool is_left_out(const struct folder_list *list, size_t i)
{
    return (list->folders[i].flags & (IMAP_LIST_ALL | IMAP_LIST_FLAGGED)) != 0 ||
           has_use(list, i, IMAP_LIST_DRAFTS, IMAP_SPECIAL_DRAFTS) ||
           has_use(list, i, IMAP_LIST_JUNK, IMAP_SPECIAL_JUNK) ||
           has_use(list, i, IMAP_LIST_TRASH, IMAP_SPECIAL_TRASH);
}

/* Whether the configuration's name, "/" for the separator, is this one. */
static bool is_same_name(const char *name, char delimiter, const char *wanted)
{
    size_t i;

    for (i = 0; wanted[i] != '\0' && name[i] != '\0'; i++)
        if (wanted[i] != name[i] && !(wanted[i] == '/' && name[i] == delimiter))
            return false;
    return wanted[i] == name[i];
}

static bool is_named(const struct folder_list *list, size_t i, const char *wanted)
{
    const struct listed_folder *folder = &list->folders[i];

    if (is_inbox(wanted))
        return is_inbox(folder->name);
    return is_same_name(folder->name, folder->delimiter, wanted) ||
           is_same_name(short_name(list, i), folder->delimiter, wanted);
}

bool folder_list_names(const struct folder_list *list, size_t i, const char *wanted)
{
    if (strcmp(wanted, "*") == 0)
        return !is_left_out(list, i) && !is_foreign(list, i);
    if (strcmp(wanted, "**") == 0)
        return !is_foreign(list, i);
    if (strcasecmp(wanted, "\\Sent") == 0)
        return folder_list_is_sent(list, i);
    return is_named(list, i, wanted);
}

static size_t length(char *const *names)
{
    size_t n = 0;

    while (names[n] != NULL)
        n++;
    return n;
}

/* What names the folder; NULL-terminated. */
static char **names_of(const struct folder_list *list, size_t i, char *const *wanted)
{
    char **names = xcalloc(length(wanted) + 1, sizeof(*names));
    size_t n = 0;

    for (; *wanted != NULL; wanted++)
        if (folder_list_names(list, i, *wanted))
            names[n++] = xstrdup(*wanted);
    return names;
}

static void choose(struct folder_choice *choice, const struct folder_list *list, size_t i,
                   char *const *wanted)
{
    choice->folders[choice->count++] = (struct chosen_folder){
        .name = xstrdup(list->folders[i].name),
        .listed = i,
        .role = folder_list_is_sent(list, i) ? FOLDER_SENT : FOLDER_OTHER,
        .by = names_of(list, i, wanted),
    };
}

static void note_left_out(struct folder_choice *choice, const struct folder_list *list,
                          const bool *taken, char *const *wanted)
{
    size_t n = 0;
    bool is_asked = false;

    choice->left_out = xcalloc(list->count + 1, sizeof(char *));
    for (; *wanted != NULL; wanted++)
        is_asked = is_asked || strcmp(*wanted, "*") == 0;
    for (size_t i = 0; is_asked && i < list->count; i++)
        if (!taken[i] && !is_foreign(list, i) && (list->folders[i].flags & IMAP_LIST_NOSELECT) == 0)
            choice->left_out[n++] = xstrdup(list->folders[i].name);
}

static int rank(const struct chosen_folder *folder)
{
    if (is_inbox(folder->name))
        return 0;
    return folder->role == FOLDER_SENT ? 1 : 2;
}

/* Stable for up to LIMIT_FOLDERS: three passes, no comparison sort. */
static void order(struct folder_choice *choice)
{
    struct chosen_folder *sorted = xcalloc(choice->count, sizeof(*sorted));
    size_t n = 0;

    for (int pass = 0; pass < 3; pass++)
        for (size_t i = 0; i < choice->count; i++)
            if (rank(&choice->folders[i]) == pass)
                sorted[n++] = choice->folders[i];
    free(choice->folders);
    choice->folders = sorted;
}

struct folder_choice *folder_list_choose(const struct folder_list *list, char *const *wanted)
{
    struct folder_choice *choice = xcalloc(1, sizeof(*choice));
    bool *taken = xcalloc(list->count, sizeof(*taken));
    size_t n_wanted = length(wanted), n_missing = 0;

    choice->folders = xcalloc(list->count, sizeof(*choice->folders));
    choice->missing = xcalloc(n_wanted + 1, sizeof(char *));
    for (size_t w = 0; w < n_wanted; w++) {
        bool found = false;

        for (size_t i = 0; i < list->count; i++) {
            if ((list->folders[i].flags & IMAP_LIST_NOSELECT) != 0 ||
                !folder_list_names(list, i, wanted[w]))
                continue;
            found = taken[i] = true;
        }
        if (!found)
            choice->missing[n_missing++] = xstrdup(wanted[w]);
    }
    for (size_t i = 0; i < list->count; i++)
        if (taken[i])
            choose(choice, list, i, wanted);
    note_left_out(choice, list, taken, wanted);
    free(taken);
    order(choice);
    return choice;
}

void folder_choice_free(struct folder_choice *choice)
{
    if (choice == NULL)
        return;
    for (size_t i = 0; i < choice->count; i++) {
        free(choice->folders[i].name);
        names_free(choice->folders[i].by);
    }
    free(choice->folders);
    names_free(choice->missing);
    names_free(choice->left_out);
    free(choice);
}
