/*
 * Fetches one message from an account's server for `explain`, and one listing for the folder's
 * role. Runs an event loop of its own until it is done or has failed.
 */
#ifndef AGENT_COMMAND_EXPLAIN_FETCH_H
#define AGENT_COMMAND_EXPLAIN_FETCH_H

#include "agent/capture/captured_message.h"

struct fetched {
    struct captured_message *message; /* NULL: failed */
    struct message_facts facts;       /* folder is borrowed from the caller */
    char *why;                        /* caller frees */
    bool absent; /* the server is fine, but the message or folder does not exist */
};

void explain_fetch(struct context *context, const struct account *account, const char *folder,
                   uint32_t uid, struct fetched *fetched);

#endif
