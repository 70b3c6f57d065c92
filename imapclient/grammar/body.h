/*
 * What precedes a streamed body: "* 12 FETCH (FLAGS (\Seen) UID 7 BODY[HEADER]", the head from
 * framing.h. Parsed without libetpan, because the unit is not complete yet.
 */
#ifndef IMAPCLIENT_GRAMMAR_BODY_H
#define IMAPCLIENT_GRAMMAR_BODY_H

#include <stddef.h>
#include <stdint.h>

struct body_head {
    uint32_t seq;
    uint32_t uid;  /* 0: not given before the body */
    char *section; /* as in struct imap_body; the caller frees */
};

void body_head_read(struct body_head *head, const char *text, size_t len);

#endif
