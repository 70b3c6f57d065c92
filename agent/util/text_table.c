#include "agent/util/text_table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "imapclient/text/printable.h"
#include "rules/util/memory.h"

enum { GAP = 2 };

void text_table_begin(struct text_table *table, const char *const *titles, size_t columns)
{
    assert(columns > 0 && columns <= TEXT_TABLE_COLUMNS);
    *table = (struct text_table){.columns = columns};
    for (size_t i = 0; i < columns; i++)
        text_table_cell(table, titles[i]);
}

void text_table_cell(struct text_table *table, const char *text)
{
    if (table->count == table->room) {
        table->room = table->room > 0 ? table->room * 2 : 64;
        table->cells = xreallocarray(table->cells, table->room, sizeof(*table->cells));
    }
    char *copy = xstrdup(text);
    text_printable(copy, PRINTABLE_UTF8);
    table->cells[table->count++] = copy;
}

void text_table_number(struct text_table *table, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, number);
    text_table_cell(table, text);
}

/* Code points, which is the width of most scripts on a terminal. */
static size_t width(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void print_row(const struct text_table *table, size_t first, const size_t *widths, FILE *out)
{
    size_t pending = 0; /* spaces, written only when something follows */

    for (size_t i = 0; i < table->columns && first + i < table->count; i++) {
        const char *cell = table->cells[first + i];
        if (*cell != '\0') {
            fprintf(out, "%*s%s", (int)pending, "", cell);
            pending = 0;
        }
        pending += widths[i] - width(cell) + GAP;
    }
    fputc('\n', out);
}

void text_table_print(const struct text_table *table, const char *indent, FILE *out)
{
    size_t widths[TEXT_TABLE_COLUMNS] = {0};

    for (size_t i = 0; i < table->count; i++) {
        size_t cell = width(table->cells[i]);
        if (cell > widths[i % table->columns])
            widths[i % table->columns] = cell;
    }
    for (size_t i = 0; i < table->count; i += table->columns) {
        fputs(indent, out);
        print_row(table, i, widths, out);
    }
}

void text_table_clear(struct text_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct text_table){0};
}
