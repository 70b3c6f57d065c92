/*
 * Recognises mailboxes of special use by their names in many languages, for servers that do not
 * offer SPECIAL-USE (RFC 6154).
 */
#ifndef IMAPCLIENT_TEXT_SPECIAL_H
#define IMAPCLIENT_TEXT_SPECIAL_H

#include <stdbool.h>

enum imap_special { IMAP_SPECIAL_SENT, IMAP_SPECIAL_DRAFTS, IMAP_SPECIAL_JUNK, IMAP_SPECIAL_TRASH };

/*
 * Whether the last part of the name is known for that use, compared without case, and the mailbox
 * is at top level or below INBOX, Mail, [Gmail] or [Google Mail]: "Projects/Sent" does not count.
 * The caller strips any other prefix of the personal namespace. UTF-8.
 */
bool imap_special_name(enum imap_special use, const char *mailbox, char delimiter);

#endif
