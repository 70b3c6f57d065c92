/*
 * An IMAP dialogue as a probe has it: greeting, capability, TLS, sign-in, EXAMINE of a folder,
 * NOOP, LOGOUT; and for mailbox probes the dates of the oldest and the newest message and the
 * quota. Over imapclient/session.h. It changes nothing on the server.
 */
#ifndef AGENT_PROBE_IMAP_H
#define AGENT_PROBE_IMAP_H

#include "agent/dialogue.h"

struct probe_imap;

struct probe_imap_options { /* copied */
    struct dialogue_peer peer;
    struct dialogue_login login; /* none: CAPABILITY and NOOP, then LOGOUT */
    const char *folder;          /* UTF-8 with "/" for the server's separator, or INBOX */
    bool look_inside;            /* fill the facts about messages and quota */
};

struct probe_imap_facts {
    uint32_t messages;
    time_t oldest, newest; /* INTERNALDATE; 0: the folder is empty */
    /* The fullest of its quota roots; limits 0: none, or the server tells none. */
    uint64_t storage_used, storage_limit, messages_used, messages_limit;
};

struct probe_imap *probe_imap_new(const struct probe_imap_options *options,
                                  const struct dialogue_events *events, void *arg);
void probe_imap_free(struct probe_imap *probe);
/* Inside done, when it went well. */
const struct probe_imap_facts *probe_imap_facts(const struct probe_imap *probe);

#endif
