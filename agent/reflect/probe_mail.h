/*
 * What a message contains for somebody who looks for probes: parses the header section of any, even
 * hostile, mail for tokens and the signs of automatic mail. Pure, linear, bounded; nothing found
 * here leaves the machine unverified (answer.h).
 *
 * Limits: PROBE_MAIL_HEADER bytes, PROBE_MAIL_LINES lines, PROBE_MAIL_LINE bytes a line, beyond
 * which `strange` is set. Exactly one field of each of ours counts; one that is repeated, folded,
 * has 8-bit, NUL or another length sets `strange`; so does a repeated Subject or From, a NUL, and a
 * line that is not a field. (A Subject may be folded and added to by gateways: the words "mailvigil
 * probe TOKEN" and "mailvigil return TOKEN.STAMP" are looked for.)
 */
#ifndef AGENT_REFLECT_PROBE_MAIL_H
#define AGENT_REFLECT_PROBE_MAIL_H

#include "agent/reflect/token.h"

#define PROBE_MAIL_HEADER (64 * 1024)
#define PROBE_MAIL_LINES 1000
#define PROBE_MAIL_LINE 4096
#define PROBE_MAIL_RECEIVED_MAX 30
#define PROBE_MAIL_ID_MAX 200

struct probe_mail {
    bool strange;
    bool has_probe_field, has_return_field; /* X-Mailvigil-*, well formed */
    char probe_field[TOKEN_LEN + 1];
    char return_field[RETURN_LEN + 1];
    /* From the Subject, where gateways dropped the fields. "" if none. */
    char subject_probe[TOKEN_LEN + 1];
    char subject_return[RETURN_LEN + 1];
    char message_id[PROBE_MAIL_ID_MAX];  /* "<...>", only dot-atoms and one "@"; "" if not so */
    bool auto_submitted;                 /* any but "no" and "auto-generated" */
    bool list;                           /* any List-* field, Precedence list or bulk or junk */
    bool null_sender;                    /* Return-Path: <> */
    bool from_daemon;                    /* Return-Path or From is MAILER-DAEMON or postmaster */
    char return_path[PROBE_MAIL_ID_MAX]; /* an address in plain form, else "" */
    char from[PROBE_MAIL_ID_MAX];        /* likewise */
    size_t received;                     /* how many Received fields */
};

/* text: from the start of the message; the header section ends at the first empty line. */
void probe_mail_parse(struct probe_mail *mail, const char *text, size_t len);

#endif
