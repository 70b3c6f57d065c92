#include "imapclient/text/special.h"

#include <string.h>
#include <strings.h>

#include "imapclient/text/folding.h"
#include "imapclient/text/special_names.h"

/* Accepted parents: INBOX, the usual prefix of a namespace, that of UW-IMAP and its successors, and
 * Gmail's two. */
static bool is_known_parent(const char *parent, size_t len)
{
    static const char *const parents[] = {"INBOX", "Mail", "[Gmail]", "[Google Mail]"};
    for (size_t i = 0; i < sizeof(parents) / sizeof(*parents); i++)
        if (strlen(parents[i]) == len && strncasecmp(parents[i], parent, len) == 0)
            return true;
    return false;
}

bool imap_special_name(enum imap_special use, const char *mailbox, char delimiter)
{
    const char *last = delimiter != '\0' ? strrchr(mailbox, delimiter) : NULL;
    if (last != NULL && !is_known_parent(mailbox, (size_t)(last - mailbox)))
        return false;
    const char *name = last != NULL ? last + 1 : mailbox;
    for (const char *const *known = special_names(use); *known != NULL; known++)
        if (folding_equal(name, *known))
            return true;
    return false;
}
