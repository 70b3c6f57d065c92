/*
 * Comma separated values, RFC 4180, one record at a time.
 * Fields are changed in place and borrow the text. No recursion, linear.
 */
#ifndef AGENT_UTIL_CSV_H
#define AGENT_UTIL_CSV_H

#include <stddef.h>

#define CSV_FIELDS_MAX 64

struct csv {
    char *at;
    int next_line;
    /* of the record that was read last */
    int line;
    char *fields[CSV_FIELDS_MAX];
    size_t count;
    const char *fault; /* NULL, or what is wrong with it (static text) */
};

/* text: NUL-terminated, will be changed. */
void csv_begin(struct csv *csv, char *text);
/* 0: no further record. Empty lines and lines that begin with "#" are skipped. */
int csv_next(struct csv *csv);

#endif
