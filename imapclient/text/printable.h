/*
 * Makes text from a server or a message safe to display: each control character, C0 and DEL,
 * becomes "?", so that it cannot forge a log line or control a terminal. The length does not
 * change.
 */
#ifndef IMAPCLIENT_TEXT_PRINTABLE_H
#define IMAPCLIENT_TEXT_PRINTABLE_H

#include <stddef.h>

enum printable {
    PRINTABLE_UTF8,  /* octets >= 0x80 stay as they are, valid UTF-8 or not, C1 controls too */
    PRINTABLE_ASCII, /* each octet >= 0x80 becomes "?" too */
};

/* In place, up to the terminating NUL. */
void text_printable(char *text, enum printable keep);
/* In place; a NUL within len is a control character like any other. */
void text_printable_octets(char *data, size_t len, enum printable keep);

#endif
