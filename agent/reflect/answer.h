/*
 * Whether a message is answered, and the answer: what email_return and the agent's reflector share.
 *
 * In order: there must be a token that verifies (so that strangers learn nothing); then it must be
 * fresh, and the mail must not be of a kind that must not be answered automatically (RFC 3834,
 * RFC 5230 section 4.6; the probe's own auto-generated is the only exception). The caller then
 * checks for replays (replay.h). The answer is a new message that contains nothing of the old one
 * but the verified token, the stamps and a validated Message-ID. It is never larger than
 * ANSWER_MAX, nor than the probe's own size limit.
 */
#ifndef AGENT_REFLECT_ANSWER_H
#define AGENT_REFLECT_ANSWER_H

#include "agent/reflect/probe_mail.h"

#define ANSWER_MAX 4096
#define ANSWER_FRESH_BEFORE 3600       /* seconds that the sender's clock may be ahead */
#define ANSWER_FRESH_AFTER (5 * 86400) /* as long as queues keep mail */

struct answer_rules {
    const struct token_keys *keys;
    const char *address;  /* where probes are sent: our own */
    const char *reply_to; /* where answers go: nowhere else */
};

enum answer_decision {
    ANSWER_YES,
    ANSWER_NO_TOKEN,
    ANSWER_NOT_OURS, /* does not verify */
    ANSWER_STALE,
    ANSWER_STRANGE,
    ANSWER_AUTOMATIC, /* a bounce, a list, an automatic answer */
    ANSWER_LOOP,      /* from ourselves, has been returned, too many hops */
};
const char *answer_decision_text(enum answer_decision decision);

/* null_sender: of the envelope (SENDER is empty). now_us: our clock. token is set with YES. */
enum answer_decision answer_decide(const struct answer_rules *rules, const struct probe_mail *mail,
                                   bool null_sender, uint64_t now_us, struct probe_token *token);

/* The whole message with bare LF line ends (or CRLF) into out; its length. unique: 16 random
 * bytes for the Message-ID. */
size_t answer_write(const struct answer_rules *rules, const struct probe_mail *mail,
                    const struct probe_token *token, const struct stamp *stamp,
                    const unsigned char unique[16], bool crlf, char out[ANSWER_MAX]);

#endif
