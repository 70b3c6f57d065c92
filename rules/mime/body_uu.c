#include "rules/mime/body_uu.h"

#include <string.h>

#include "rules/util/octet.h"

static const char *after(const char *text, const char *start)
{
    size_t len = strlen(start);
    return strncmp(text, start, len) == 0 ? text + len : NULL;
}

static const char *skip_blanks(const char *text)
{
    while (octet_is_blank(*text))
        text++;
    return text;
}

/* "begin 644 name" */
static const char *uu_name(const char *line)
{
    const char *c = after(line, "begin-base64");
    if (c == NULL)
        c = after(line, "begin");
    if (c == NULL || !octet_is_blank(*c))
        return NULL;
    c = skip_blanks(c);
    const char *mode = c;
    while (*c >= '0' && *c <= '7')
        c++;
    return c - mode >= 3 && octet_is_blank(*c) ? skip_blanks(c) : NULL;
}

/* The name is last and may contain blanks. */
static const char *yenc_name(const char *line)
{
    const char *c = after(line, "=ybegin ");
    c = c != NULL ? strstr(c - 1, " name=") : NULL;
    return c != NULL ? c + strlen(" name=") : NULL;
}

static void end_line(struct uu_scan *scan, bool whole,
                     void (*found)(void *arg, const char *name, size_t len, bool whole), void *arg)
{
    scan->line[scan->len] = '\0';
    const char *name = uu_name(scan->line);
    if (name == NULL)
        name = yenc_name(scan->line);
    if (name != NULL)
        found(arg, name, strlen(name), whole);
    scan->len = 0;
}

void uu_scan_feed(struct uu_scan *scan, const char *data, size_t len,
                  void (*found)(void *arg, const char *name, size_t len, bool whole), void *arg)
{
    for (size_t i = 0; i < len; i++) {
        char c = data[i];
        if (c == '\n' || c == '\r') {
            end_line(scan, true, found, arg);
            scan->skip = false;
            continue;
        }
        if (scan->len == 0 && c != 'b' && c != '=')
            scan->skip = true;
        if (scan->skip)
            continue;
        scan->line[scan->len++] = c;
        if (scan->len == UU_LINE_MAX - 1) {
            end_line(scan, false, found, arg);
            scan->skip = true;
        }
    }
}

void uu_scan_end(struct uu_scan *scan,
                 void (*found)(void *arg, const char *name, size_t len, bool whole), void *arg)
{
    end_line(scan, true, found, arg);
    scan->skip = false;
}
