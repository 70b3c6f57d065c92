/*
 * When a message arrived, as far as that can be known.
 *
 * INTERNALDATE is what the server says, but whoever may APPEND sets it. The topmost Received field
 * is written by the receiving MTA, or by who appends the message. Both together are believed,
 * except in a Sent folder, whose messages are written by its owner. There, and where there is no
 * (readable) Received field, INTERNALDATE must fit to when the agent saw the message first; if it
 * does not, the message may have arrived at any time before that.
 */
#ifndef RULES_DATES_H
#define RULES_DATES_H

#include "rules/message.h"
#include "rules/time/mail_date.h"

/* How far clocks may differ, and how long a message may take from its Received field to a folder.
 */
#define DATES_TOLERANCE 600

/* The topmost Received field. */
enum trace {
    TRACE_NONE,       /* there is no such field */
    TRACE_UNREADABLE, /* it has no usable date; or the header was cut, which proves nothing */
    TRACE_DATED,
};
enum trace trace_date(const struct header *header, struct mail_date *date);

/* Whether it has a field that only delivery adds: Received, Return-Path, Delivered-To,
 * X-Original-To, Envelope-To. A cut header may. */
bool header_was_delivered(const struct header *header);

/* The best guess at a date without the server's: the topmost Received, else Date. false: neither is
 * usable. */
bool header_guess_date(const struct header *header, struct mail_date *date);

struct date_readings {
    time_t at[2];
    const char *by[2]; /* static: "INTERNALDATE", "Received" */
    size_t n;
    const char *doubt;       /* NULL: the readings are believed; else why not (static) */
    time_t earliest, latest; /* in doubt: what may be true as well */
};
struct date_readings dates_read(const struct message *message);

#endif
