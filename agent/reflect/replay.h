/*
 * Nonces that were answered, in a file of fixed size: each once, also when two programs run at the
 * same time, and how many answers the last hour has seen.
 *
 * A file of REPLAY_ENTRIES fixed records (nonce, time) behind a header with a magic and a count;
 * the oldest is overwritten. Opened O_NOFOLLOW|O_CLOEXEC, 0600, locked with flock, fsynced before
 * the answer goes. A file that is not ours (magic, size, owner, permissions) is an error and is not
 * touched: no answer then.
 */
#ifndef AGENT_REFLECT_REPLAY_H
#define AGENT_REFLECT_REPLAY_H

#include "agent/reflect/token.h"

#define REPLAY_ENTRIES 4096

enum replay_outcome {
    REPLAY_NEW,      /* noted: answer it */
    REPLAY_SEEN,     /* answered before */
    REPLAY_TOO_MANY, /* max_per_hour answers, or the last one is younger than min_interval */
    REPLAY_ERROR,    /* why says what; do not answer */
};
struct replay_limits {
    unsigned max_per_hour; /* 0: none */
    unsigned min_interval; /* seconds */
};
enum replay_outcome replay_note(const char *path, const unsigned char nonce[TOKEN_NONCE],
                                uint64_t now_us, const struct replay_limits *limits, char *why,
                                size_t why_size);
/* The hand-over failed: the nonce may be answered at the next try. */
bool replay_forget(const char *path, const unsigned char nonce[TOKEN_NONCE]);

#endif
