/*
 * Nonces that were answered, in a file of fixed size: each once, also when two programs run at the
 * same time, and how many answers the last hour has seen.
 *
 * A file of REPLAY_ENTRIES fixed records (nonce, time) behind a magic. The oldest is overwritten,
 * but none that is younger than REPLAY_KEPT: as long as a token is fresh its nonce is remembered
 * (then it is REPLAY_TOO_MANY). Opened O_NOFOLLOW|O_CLOEXEC, 0600, locked with flock, fsynced
 * before the answer goes. A file that is not ours (magic, size, owner, permissions) is an error and
 * is not touched: no answer then.
 */
#ifndef AGENT_EMAIL_RETURN_REPLAY_H
#define AGENT_EMAIL_RETURN_REPLAY_H

#include "agent/reflect/token.h"

#define REPLAY_ENTRIES 16384               /* about 400 KB, and 134 answers an hour for ever */
#define REPLAY_KEPT (5 * 86400 + 2 * 3600) /* seconds; more than a token is fresh (answer.h) */

enum replay_outcome {
    REPLAY_NEW,      /* noted: answer it */
    REPLAY_SEEN,     /* answered before */
    REPLAY_TOO_SOON, /* the last answer is younger than min_interval */
    REPLAY_TOO_MANY, /* max_per_hour answers, or the file is full of fresh ones */
    REPLAY_FOREIGN,  /* not a file of ours, why says what; do not answer */
    REPLAY_TROUBLE,  /* disk full and the like, why says what; do not answer now */
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
/* Opens, and makes it if it is not there, without noting anything; REPLAY_NEW: it is well. */
enum replay_outcome replay_check(const char *path, char *why, size_t why_size);

#endif
