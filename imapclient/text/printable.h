/*
 * Makes text from a server or a message safe to display, so that it cannot forge a log line,
 * control a terminal, or show something else than it is. Unsafe are the control characters C0, DEL
 * and C1 (U+0080 to U+009F), the marks that turn the direction of writing (Unicode UAX #9: U+061C,
 * U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), line and paragraph separators (U+2028,
 * U+2029), and octets that are not UTF-8, as a terminal may take them for C1.
 */
#ifndef IMAPCLIENT_TEXT_PRINTABLE_H
#define IMAPCLIENT_TEXT_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

enum printable {
    PRINTABLE_UTF8,  /* each octet of what is unsafe becomes "?" */
    PRINTABLE_ASCII, /* each octet >= 0x80 becomes "?" too */
};

/* In place, up to the terminating NUL; the length does not change. */
void text_printable(char *text, enum printable keep);
/* In place; a NUL within len is a control character like any other. */
void text_printable_octets(char *data, size_t len, enum printable keep);

/* The character at text, len > 0: how many octets it has, and whether it is safe. An octet that is
 * not UTF-8 counts as a character. */
size_t text_character(const char *text, size_t len, bool *safe);

#endif
