/*
 * UTF-8, RFC 3629: one code point at a time, strictly (no overlong forms, no surrogates).
 */
#ifndef IMAPCLIENT_TEXT_UTF8_H
#define IMAPCLIENT_TEXT_UTF8_H

#include <stdint.h>

#define UTF8_INVALID UINT32_MAX

/* Reads the code point at *text, which must not be at its NUL, and advances past it. */
uint32_t utf8_next(const char **text);
/* Writes a code point, at most four octets, and returns the position after it. */
char *utf8_put(char *out, uint32_t point);

#endif
