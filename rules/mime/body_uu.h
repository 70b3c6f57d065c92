/*
 * Files within text: uuencode ("begin 644 name", "begin-base64 644 name", POSIX uuencode) and yEnc
 * ("=ybegin line=128 size=9 name=name"), which some mail programs show as attachments. A stream;
 * the end of the file is not waited for. Private to this room.
 */
#ifndef RULES_MIME_BODY_UU_H
#define RULES_MIME_BODY_UU_H

#include <stdbool.h>
#include <stddef.h>

#define UU_LINE_MAX 1024

/* Start with {0} for each part. */
struct uu_scan {
    char line[UU_LINE_MAX];
    size_t len;
    bool skip; /* the rest of the line is of no interest */
};

/* Calls found for each name, which is not NUL-terminated; whole: it was not cut. */
void uu_scan_feed(struct uu_scan *scan, const char *data, size_t len,
                  void (*found)(void *arg, const char *name, size_t len, bool whole), void *arg);
/* The same for a last line without an end. */
void uu_scan_end(struct uu_scan *scan,
                 void (*found)(void *arg, const char *name, size_t len, bool whole), void *arg);

#endif
