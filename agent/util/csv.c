#include "agent/util/csv.h"

#include <string.h>

void csv_begin(struct csv *csv, char *text)
{
    *csv = (struct csv){.at = text, .next_line = 1};
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) /* spreadsheets write a byte order mark */
        csv->at += 3;
}

/* Ends the field at p, with a NUL. Returns whether the record continues. */
static int end_field(struct csv *csv, char *end, char *p)
{
    int more = *p == ',';

    if (*p == '\r' && p[1] == '\n')
        p++;
    csv->next_line += *p == '\n';
    csv->at = p + (*p != '\0');
    *end = '\0';
    return more;
}

static int is_end(const char *p)
{
    return *p == '\0' || *p == ',' || *p == '\n' || (*p == '\r' && p[1] == '\n');
}

static int quoted(struct csv *csv)
{
    char *p = csv->at + 1, *out = csv->at;

    for (; *p != '\0' && (*p != '"' || p[1] == '"'); p++) {
        p += *p == '"';
        csv->next_line += *p == '\n';
        *out++ = *p;
    }
    if (*p == '\0') {
        csv->fault = "quoted field is not terminated";
        return end_field(csv, out, p);
    }
    for (p++; !is_end(p); p++)
        csv->fault = "unexpected characters after closing quote";
    return end_field(csv, out, p);
}

static int plain(struct csv *csv)
{
    char *p = csv->at;

    for (; !is_end(p); p++)
        if (*p == '"')
            csv->fault = "stray quote in an unquoted field";
    return end_field(csv, p, p);
}

static void skip_lines(struct csv *csv)
{
    while (*csv->at == '#' || *csv->at == '\n' || (*csv->at == '\r' && csv->at[1] == '\n')) {
        csv->at += strcspn(csv->at, "\n");
        csv->next_line += *csv->at == '\n';
        csv->at += *csv->at == '\n';
    }
}

int csv_next(struct csv *csv)
{
    int more;

    skip_lines(csv);
    if (*csv->at == '\0')
        return 0;
    csv->count = 0;
    csv->fault = NULL;
    csv->line = csv->next_line;
    do {
        char *field = csv->at;
        more = *field == '"' ? quoted(csv) : plain(csv);
        if (csv->count < CSV_FIELDS_MAX)
            csv->fields[csv->count++] = field;
        else
            csv->fault = "more than 64 fields";
    } while (more);
    return 1;
}
