/*
 * `mailvigil explain`: what would happen to this message, rule by rule and why, and the copy that
 * it would make. The message comes from a file, from standard input, or from the server by account,
 * folder and UID. Nothing is stored, nothing is sent, nothing on the server changes.
 */
#ifndef AGENT_COMMAND_EXPLAIN_H
#define AGENT_COMMAND_EXPLAIN_H

#include "agent/config/config.h"

struct explain_options {
    const char *account; /* name or address; NULL: the only one there is */
    const char *folder;  /* NULL: INBOX */
    const char *file;    /* NULL or "-": standard input, unless uid is set */
    uint32_t uid;        /* not 0: from the server */
    bool whole;          /* the copy with its body, not only its header */
    bool json;
};

/* Exit status: EX_OK; EX_USAGE; EX_NOINPUT: no such file or message; EX_TEMPFAIL: the server is not
 * available now. */
int explain_command(const struct config *config, const struct explain_options *options);

#endif
