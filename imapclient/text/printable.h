/*
 * Text from a server or a message made fit for a person to read: each control character, C0 and
 * DEL, becomes "?", so that it cannot forge a log line or drive a terminal. The length stays.
 */
#ifndef IMAPCLIENT_TEXT_PRINTABLE_H
#define IMAPCLIENT_TEXT_PRINTABLE_H

#include <stddef.h>

enum printable {
    PRINTABLE_UTF8,  /* octets of 0x80 and above stay as they are, valid UTF-8 or not */
    PRINTABLE_ASCII, /* each of them becomes "?" too */
};

/* In place, up to the terminating NUL. */
void text_printable(char *text, enum printable keep);
/* In place; a NUL among the len octets is a control character like others. */
void text_printable_octets(char *data, size_t len, enum printable keep);

#endif
