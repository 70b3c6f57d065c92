/*
 * Which mailbox serves a special use: what the server says (SPECIAL-USE, RFC 6154), then known
 * names in many languages, compared without case, at top level or below INBOX or the personal
 * namespace's prefix.
 */
#ifndef IMAPCLIENT_TEXT_SPECIAL_H
#define IMAPCLIENT_TEXT_SPECIAL_H

#include <stdbool.h>

enum imap_special { IMAP_SPECIAL_SENT, IMAP_SPECIAL_DRAFTS, IMAP_SPECIAL_JUNK, IMAP_SPECIAL_TRASH };

/*
 * Whether the mailbox's last part is a known name for that use, and the mailbox lies at top level
 * or below INBOX, Mail, [Gmail] or [Google Mail]: "Projects/Sent" is none. Where the personal
 * namespace has another prefix, the caller leaves it out. UTF-8.
 */
bool imap_special_name(enum imap_special use, const char *mailbox, char delimiter);

#endif
