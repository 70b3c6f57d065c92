/*
 * An IMAP dialogue of a probe: greeting, capability, TLS, login, EXAMINE of a folder, NOOP, LOGOUT;
 * and for mailbox probes the dates of the oldest and the newest message and the quota. Built on
 * imapclient/session.h. It changes nothing on the server.
 *
 * outcome.reply is the refusal without its tag, "NO [AUTHENTICATIONFAILED] wrong password", or what
 * was received in place of a greeting. outcome.capabilities are those before and after the login
 * together; of those sent in the clear before STARTTLS only that word.
 */
#ifndef AGENT_PROBE_DIALOGUE_IMAP_H
#define AGENT_PROBE_DIALOGUE_IMAP_H

#include "agent/probe/dialogue/dialogue.h"

struct probe_imap;

struct probe_imap_options { /* copied */
    struct dialogue_peer peer;
    struct dialogue_login login; /* none: CAPABILITY and NOOP, then LOGOUT */
    /* UTF-8 with "/" for the server's separator, without the prefix of the personal namespace or
     * with it; NULL: INBOX. */
    const char *folder;
    bool look_inside; /* fill in the facts about messages and quota */
};

/*
 * The dates are those of INTERNALDATE among the first and the last PROBE_IMAP_ENDS messages of the
 * folder in its own order: exact in a folder of twice as many, and a bounded effort in one of a
 * million. New messages are appended; only one that was moved or copied there with its old date,
 * and is followed by that many, is not seen.
 */
#define PROBE_IMAP_ENDS 50

struct probe_imap_facts {
    uint32_t messages;
    time_t oldest, newest; /* 0: the folder is empty, or was not examined */
    /* Each of the quota root that is fullest of it; limits 0: none known. */
    uint64_t storage_used, storage_limit, messages_used, messages_limit;
};

struct probe_imap *probe_imap_new(const struct probe_imap_options *options,
                                  const struct dialogue_events *events, void *arg);
void probe_imap_free(struct probe_imap *probe);
/* Inside of done, when nothing failed. */
const struct probe_imap_facts *probe_imap_facts(const struct probe_imap *probe);

#endif
