/*
 * The names of charsets in mail, and how each is decoded.
 *
 * Known are the names of the IANA registry and of browsers (WHATWG Encoding, section 4.2), what the
 * C library's iconv has under any of its aliases, and the misspellings that mail programs forgive:
 * "x-gbk", "cp-850", "windows1251", "ibm00858", "csUTF7", "utf_8". Charsets that are commonly
 * mislabelled are read as their supersets.
 *
 * Names are a sender's choice. So only letters, digits and the marks of real names are passed to
 * iconv_open(), never what would mean the locale's charset or add a transliteration; and converters
 * that have looped or aborted on hostile input, which no mail program offers, stay unknown.
 */
#ifndef RULES_MIME_CHARSET_NAME_H
#define RULES_MIME_CHARSET_NAME_H

#include <iconv.h>
#include <stdbool.h>
#include <stddef.h>

enum charset_kind {
    CHARSET_NONE,    /* none named, or one that says nothing: UTF-8, else Windows-1252 */
    CHARSET_UNKNOWN, /* decoded likewise, but nobody knows whether that is right */
    CHARSET_UTF8,
    CHARSET_WINDOWS1252, /* for ISO-8859-1 too */
    CHARSET_UTF16,       /* byte order by mark, little-endian without one, as browsers have it */
    CHARSET_UTF32,
    CHARSET_HZ, /* RFC 1843 */
    CHARSET_ICONV,
};

struct charset {
    enum charset_kind kind;
    unsigned char unit; /* octets: 1, 2, 4; what is skipped if it does not decode */
    bool single_octet;  /* of CHARSET_ICONV: one octet is one character */
    iconv_t converter;  /* of CHARSET_ICONV, to UTF-8; the caller closes it */
};

/* name: may be NULL; case-insensitive, need not be NUL-terminated. */
struct charset charset_find(const char *name, size_t len);

#endif
