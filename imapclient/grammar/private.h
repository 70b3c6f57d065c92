/*
 * Shared by the files that implement grammar.h.
 *
 * Each function parses its scan into the response of the grammar, with all strings in its arena.
 * false: not understood; the caller then makes it IMAP_UNTAGGED_OTHER.
 */
#ifndef IMAPCLIENT_GRAMMAR_PRIVATE_H
#define IMAPCLIENT_GRAMMAR_PRIVATE_H

#include "imapclient/grammar/arena.h"
#include "imapclient/grammar/grammar.h"
#include "imapclient/grammar/scan.h"

#define GRAMMAR_FLAGS_MAX 4096 /* flags of one message or mailbox; further ones are dropped */

struct etpan;

struct grammar {
    struct arena arena;
    struct etpan *etpan;
    struct imap_response response;
    struct imap_inline_body inline_body;
};

/* grammar/words.c: words that are collected one by one; the array lives in the arena. */
struct words {
    const char **words;
    size_t count, room;
};
void words_add(struct words *words, struct arena *arena, const char *word);

/* grammar/text.c: "OK [CODE arguments] text", without what precedes it. */
bool grammar_status_word(struct scan *scan, enum imap_status *status);
void grammar_text(struct grammar *grammar, struct scan *scan, struct imap_text *text);

/* grammar/fetch.c: what follows "* 12 FETCH". */
bool grammar_fetch(struct grammar *grammar, struct scan *scan, bool body_streamed);

/* grammar/mailbox.c: what follows the name of the response. */
bool grammar_list(struct grammar *grammar, struct scan *scan);
bool grammar_mailbox_status(struct grammar *grammar, struct scan *scan);
bool grammar_namespace(struct grammar *grammar, struct scan *scan);

/* grammar/quota.c: what follows "* QUOTA". */
bool grammar_quota(struct grammar *grammar, struct scan *scan);

#endif
