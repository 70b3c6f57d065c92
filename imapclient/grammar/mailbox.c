/*
 * LIST, LSUB, STATUS and NAMESPACE. Mailbox names and what libetpan does not know are parsed here;
 * attributes and numbers are passed to libetpan after the same kind of checks as in FETCH.
 */
#include "imapclient/grammar/private.h"

#include <stdlib.h>
#include <string.h>

#include "imapclient/grammar/etpan.h"
#include "imapclient/wire/writer.h"

/* A placeholder for the name, which libetpan need not see. */
#define NAME_FOR_ETPAN "x"
#define NAMESPACES_MAX 100 /* of other users and shared ones; further ones are dropped */

/* The name in UTF-8, or as received if it does not decode. NULL: it could not be sent back. */
static const char *mailbox_name(struct grammar *grammar, struct span wire)
{
    for (size_t i = 0; i < wire.len; i++)
        if (wire.at[i] == '\0' || wire.at[i] == '\r' || wire.at[i] == '\n')
            return NULL;
    if (memchr(wire.at, '&', wire.len) == NULL)
        return wire.at;
    char *decoded = writer_mailbox_decode(wire.at);
    if (decoded == NULL)
        return wire.at;
    const char *name = arena_copy(&grammar->arena, decoded, strlen(decoded));
    free(decoded);
    return name;
}

static bool read_mailbox(struct grammar *grammar, struct scan *scan, const char **name)
{
    struct span wire;
    scan_spaces(scan);
    if (!scan_astring(scan, &grammar->arena, &wire))
        return false;
    *name = mailbox_name(grammar, wire);
    return *name != NULL;
}

/* NIL, or a string of one character. */
static bool read_delimiter(struct grammar *grammar, struct scan *scan, char *delimiter)
{
    struct span text;
    scan_spaces(scan);
    if (!scan_astring(scan, &grammar->arena, &text))
        return false;
    if (span_is(text, "NIL") || text.len == 0)
        *delimiter = '\0';
    else if (text.len == 1 && text.at[0] > ' ' && text.at[0] < '\x7f')
        *delimiter = text.at[0];
    else
        return false;
    return true;
}

/* ---- LIST ---- */

/* Adds "(" *("\" atom) ")" to libetpan's line, without anything that is not an attribute. */
static bool add_attributes(struct etpan *etpan, struct scan *scan)
{
    struct span word;
    scan_spaces(scan);
    if (!scan_char(scan, '('))
        return false;
    for (size_t n = 0; !scan_char(scan, ')'); n++) {
        if (scan_spaces(scan))
            continue;
        if (!scan_word(scan, &word))
            return false;
        bool attribute =
            word.at[0] == '\\' && span_is_atom((struct span){word.at + 1, word.len - 1});
        if (!attribute || n > GRAMMAR_FLAGS_MAX)
            continue;
        etpan_add(etpan, word.at, word.len);
        etpan_add(etpan, " ", 1);
    }
    return true;
}

static unsigned attribute_flag(const struct mailimap_mbx_list_oflag *attribute)
{
    static const struct {
        const char *name;
        unsigned flag;
    } table[] = {
        {"NonExistent", IMAP_LIST_NOSELECT},
        {"All", IMAP_LIST_ALL},
        {"Archive", IMAP_LIST_ARCHIVE},
        {"Drafts", IMAP_LIST_DRAFTS},
        {"Flagged", IMAP_LIST_FLAGGED},
        {"Junk", IMAP_LIST_JUNK},
        {"Sent", IMAP_LIST_SENT},
        {"Trash", IMAP_LIST_TRASH},
        {"HasChildren", IMAP_LIST_HASCHILDREN},
    };
    if (attribute->of_type == MAILIMAP_MBX_LIST_OFLAG_NOINFERIORS)
        return IMAP_LIST_NOINFERIORS;
    struct span name = {attribute->of_flag_ext, strlen(attribute->of_flag_ext)};
    if (span_is(name, "Noselect"))
        return IMAP_LIST_NOSELECT;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (span_is(name, table[i].name))
            return table[i].flag;
    return 0;
}

static unsigned attribute_flags(const struct mailimap_mbx_list_flags *attributes)
{
    unsigned flags = 0;
    if (attributes == NULL)
        return 0;
    if (attributes->mbf_type == MAILIMAP_MBX_LIST_FLAGS_SFLAG &&
        attributes->mbf_sflag == MAILIMAP_MBX_LIST_SFLAG_NOSELECT)
        flags |= IMAP_LIST_NOSELECT;
    for (clistiter *at = clist_begin(attributes->mbf_oflags); at != NULL; at = clist_next(at))
        flags |= attribute_flag(clist_content(at));
    return flags;
}

bool grammar_list(struct grammar *grammar, struct scan *scan)
{
    struct imap_list *list = &grammar->response.untagged.list;
    struct etpan *etpan = grammar->etpan;
    etpan_begin(etpan, "* LIST (");
    if (!add_attributes(etpan, scan) || !read_delimiter(grammar, scan, &list->delimiter) ||
        !read_mailbox(grammar, scan, &list->mailbox))
        return false;
    /* Extended data, RFC 5258 section 6, may follow: ("CHILDINFO" ("SUBSCRIBED")). */
    etpan_add(etpan, ") NIL " NAME_FOR_ETPAN, strlen(") NIL " NAME_FOR_ETPAN));
    const struct mailimap_response_info *info = etpan_parse(etpan);
    if (info == NULL || clist_isempty(info->rsp_mailbox_list))
        return false;
    const struct mailimap_mailbox_list *parsed = clist_content(clist_begin(info->rsp_mailbox_list));
    list->flags = attribute_flags(parsed->mb_flag);
    return true;
}

/* ---- STATUS ---- */

static bool add_number(struct etpan *etpan, struct span name, struct span value, uint64_t max)
{
    struct scan scan = {value.at, value.at + value.len};
    uint64_t number;
    if (!scan_number(&scan, max, &number) || scan.at != scan.end)
        return false;
    etpan_add(etpan, name.at, name.len);
    etpan_add(etpan, " ", 1);
    etpan_add(etpan, value.at, value.len);
    etpan_add(etpan, " ", 1);
    return true;
}

static void read_mailbox_id(struct grammar *grammar, struct span value)
{
    struct imap_mailbox_status *status = &grammar->response.untagged.mailbox_status;
    if (value.len < 3 || value.at[0] != '(' || value.len > 2 + 255)
        return;
    status->has |= IMAP_STATUS_MAILBOXID;
    status->mailbox_id =
        span_printable((struct span){value.at + 1, value.len - 2}, &grammar->arena);
}

static const struct {
    const char *name;
    unsigned item;
    uint64_t max;
} status_items[] = {
    {"MESSAGES", IMAP_STATUS_MESSAGES, UINT32_MAX},
    {"UIDNEXT", IMAP_STATUS_UIDNEXT, UINT32_MAX},
    {"UIDVALIDITY", IMAP_STATUS_UIDVALIDITY, UINT32_MAX},
    {"UNSEEN", IMAP_STATUS_UNSEEN, UINT32_MAX},
    {"HIGHESTMODSEQ", IMAP_STATUS_HIGHESTMODSEQ, INT64_MAX},
};

/* Adds the items that libetpan knows to its line, each once; others are skipped. */
static void read_status_item(struct grammar *grammar, struct span name, struct span value)
{
    unsigned *has = &grammar->response.untagged.mailbox_status.has;
    if (span_is(name, "MAILBOXID"))
        read_mailbox_id(grammar, value);
    for (size_t i = 0; i < sizeof(status_items) / sizeof(*status_items); i++) {
        if (!span_is(name, status_items[i].name) || (*has & status_items[i].item) != 0)
            continue;
        if (add_number(grammar->etpan, name, value, status_items[i].max))
            *has |= status_items[i].item;
    }
}

/* "(" [item SP value ...] ")"; NetEase sends an empty list, Exchange a space before the ")". */
static bool read_status_items(struct grammar *grammar, struct scan *scan)
{
    struct span name, value;
    scan_spaces(scan);
    if (!scan_char(scan, '('))
        return false;
    for (;;) {
        scan_spaces(scan);
        if (scan_char(scan, ')'))
            return scan_is_done(scan);
        if (!scan_word(scan, &name) || !scan_spaces(scan) || !scan_value(scan, &value))
            return false;
        read_status_item(grammar, name, value);
    }
}

static void copy_status_item(struct imap_mailbox_status *status,
                             const struct mailimap_status_info *item)
{
    switch (item->st_att) {
    case MAILIMAP_STATUS_ATT_MESSAGES:
        status->messages = item->st_value;
        break;
    case MAILIMAP_STATUS_ATT_UIDNEXT:
        status->uidnext = item->st_value;
        break;
    case MAILIMAP_STATUS_ATT_UIDVALIDITY:
        status->uidvalidity = item->st_value;
        break;
    case MAILIMAP_STATUS_ATT_UNSEEN:
        status->unseen = item->st_value;
        break;
    case MAILIMAP_STATUS_ATT_EXTENSION:
        if (item->st_ext_data->ext_extension->ext_id == MAILIMAP_EXTENSION_CONDSTORE) {
            const struct mailimap_condstore_status_info *modseq = item->st_ext_data->ext_data;
            status->highestmodseq = modseq->cs_highestmodseq_value;
        }
        break;
    default:
        break;
    }
}

bool grammar_mailbox_status(struct grammar *grammar, struct scan *scan)
{
    struct imap_mailbox_status *status = &grammar->response.untagged.mailbox_status;
    struct etpan *etpan = grammar->etpan;
    etpan_begin(etpan, "* STATUS " NAME_FOR_ETPAN " (");
    if (!read_mailbox(grammar, scan, &status->mailbox) || !read_status_items(grammar, scan))
        return false;
    if ((status->has & ~(unsigned)IMAP_STATUS_MAILBOXID) == 0)
        return true;
    etpan_add(etpan, ")", 1);
    const struct mailimap_response_info *info = etpan_parse(etpan);
    if (info == NULL || info->rsp_status == NULL)
        return false;
    clist *items = info->rsp_status->st_info_list;
    for (clistiter *at = clist_begin(items); at != NULL; at = clist_next(at))
        copy_status_item(status, clist_content(at));
    return true;
}

/* ---- NAMESPACE, RFC 2342 ---- */

/* The prefixes of a group "((prefix delimiter ...) ...)"; what is malformed adds none. */
static void add_prefixes(struct grammar *grammar, struct span group, struct words *words)
{
    struct scan inside = {group.at, group.at + group.len};
    struct span one;
    if (span_is(group, "NIL") || !scan_char(&inside, '('))
        return;
    for (;;) {
        scan_spaces(&inside);
        if (scan_char(&inside, ')') || !scan_value(&inside, &one))
            return;
        struct scan within = {one.at, one.at + one.len};
        struct span prefix;
        if (!scan_char(&within, '('))
            return;
        scan_spaces(&within);
        if (!scan_string(&within, &grammar->arena, &prefix))
            return;
        const char *name = mailbox_name(grammar, prefix);
        if (name != NULL && words->count < NAMESPACES_MAX)
            words_add(words, &grammar->arena, name);
    }
}

/* Those of other users, then shared ones. */
static void read_foreign(struct grammar *grammar, struct scan *scan)
{
    struct imap_untagged *untagged = &grammar->response.untagged;
    struct words words = {0};
    struct span group;
    for (int i = 0; i < 2; i++) {
        scan_spaces(scan);
        if (!scan_value(scan, &group))
            break;
        add_prefixes(grammar, group, &words);
    }
    untagged->words = words.words;
    untagged->n_words = words.count;
}

/* Of the personal ones only the first matters. Not by libetpan, which reads before an empty
 * prefix. */
bool grammar_namespace(struct grammar *grammar, struct scan *scan)
{
    struct imap_untagged *untagged = &grammar->response.untagged;
    struct span personal, prefix;
    untagged->prefix = "";
    scan_spaces(scan);
    if (!scan_value(scan, &personal))
        return false;
    read_foreign(grammar, scan);
    if (span_is(personal, "NIL"))
        return true;
    struct scan inside = {personal.at, personal.at + personal.len};
    if (!scan_char(&inside, '('))
        return false;
    scan_spaces(&inside);
    if (!scan_char(&inside, '('))
        return false;
    scan_spaces(&inside);
    if (!scan_string(&inside, &grammar->arena, &prefix))
        return false;
    untagged->prefix = mailbox_name(grammar, prefix);
    return untagged->prefix != NULL && read_delimiter(grammar, &inside, &untagged->delimiter);
}
