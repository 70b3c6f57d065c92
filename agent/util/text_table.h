/*
 * A table for people: columns as wide as their widest cell, two spaces between them, no trailing
 * spaces. Cells are copied; control characters in them are shown as "?".
 */
#ifndef AGENT_UTIL_TEXT_TABLE_H
#define AGENT_UTIL_TEXT_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_TABLE_COLUMNS 8

struct text_table {
    size_t columns;
    char **cells; /* row by row */
    size_t count, room;
};

/* An empty table with its first row, the titles. */
void text_table_begin(struct text_table *table, const char *const *titles, size_t columns);
/* The next cell, from left to right, row by row. */
void text_table_cell(struct text_table *table, const char *text);
void text_table_number(struct text_table *table, uint64_t number);
void text_table_print(const struct text_table *table, const char *indent, FILE *out);
void text_table_clear(struct text_table *table);

#endif
