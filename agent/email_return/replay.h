/*
 * Answered nonces, in a file of fixed size: each is answered once, even if two programs run at the
 * same time, and answers are limited per hour.
 *
 * A file of REPLAY_ENTRIES fixed records (nonce, time) after a magic. The oldest is overwritten,
 * but none that is younger than REPLAY_KEPT: as long as a token is fresh its nonce is remembered
 * (REPLAY_TOO_MANY otherwise). Opened O_NOFOLLOW|O_CLOEXEC, 0600, locked with flock, fsynced
 * before the answer is sent. A file that is not ours (magic, size, owner, permissions) is an error
 * and is not touched: no answer then.
 */
#ifndef AGENT_EMAIL_RETURN_REPLAY_H
#define AGENT_EMAIL_RETURN_REPLAY_H

#include "agent/reflect/token.h"

#define REPLAY_ENTRIES 16384               /* about 400 KB, and 134 answers an hour forever */
#define REPLAY_KEPT (5 * 86400 + 2 * 3600) /* seconds; more than a token is fresh (answer.h) */

enum replay_outcome {
    REPLAY_NEW,      /* recorded: answer it */
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
/* The hand-over failed: the nonce may be answered on the next attempt. */
bool replay_forget(const char *path, const unsigned char nonce[TOKEN_NONCE]);
/* Opens it, or creates it, without recording anything; REPLAY_NEW: it is usable. */
enum replay_outcome replay_check(const char *path, char *why, size_t why_size);

#endif
