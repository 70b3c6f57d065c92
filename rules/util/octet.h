/*
 * Classification of single octets as ASCII, independent of the locale: mail syntax is ASCII, while
 * <ctype.h> depends on the locale.
 */
#ifndef RULES_UTIL_OCTET_H
#define RULES_UTIL_OCTET_H

#include <stdbool.h>

static inline char octet_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* WSP of RFC 5234. */
static inline bool octet_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The value of a hexadecimal digit, in either case; -1: not a digit. */
static inline int octet_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = octet_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
