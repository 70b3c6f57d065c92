#include "rules/text/html_entity.h"

#include <stdint.h>
#include <string.h>

#include "rules/text/html_entity_names.h"
#include "rules/util/octet.h"

/* What the numbers 128 to 159 stand for: HTML Standard section 13.2.5.80. */
static const uint16_t windows1252[32] = {
    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};

static bool is_alphanumeric(char c)
{
    char lower = octet_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

static const char *find_entity(const char *name, size_t len)
{
    size_t low = 0, high = html_entities_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strncmp(html_entities[middle].name, name, len);
        if (order == 0 && html_entities[middle].name[len] != '\0')
            order = 1;
        if (order == 0)
            return html_entities[middle].text;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool is_unterminated(const char *name, size_t len)
{
    for (size_t i = 0; html_unterminated[i] != NULL; i++)
        if (strlen(html_unterminated[i]) == len && memcmp(html_unterminated[i], name, len) == 0)
            return true;
    return false;
}

static void add_code_point(struct buffer *out, uint32_t point)
{
    if (point >= 0x80 && point < 0xa0)
        point = windows1252[point - 0x80];
    if (point == 0 || (point >= 0xd800 && point < 0xe000) || point > 0x10ffff)
        point = 0xfffd;
    if (point < 0x80) {
        bool control = point == 0x7f || (point < ' ' && memchr("\t\n\f", (int)point, 3) == NULL);
        if (!control && point != '\r')
            buffer_char(out, (char)point);
    } else if (point < 0x800) {
        buffer_char(out, (char)(0xc0 | point >> 6));
        buffer_char(out, (char)(0x80 | (point & 0x3f)));
    } else {
        if (point < 0x10000) {
            buffer_char(out, (char)(0xe0 | point >> 12));
        } else {
            buffer_char(out, (char)(0xf0 | point >> 18));
            buffer_char(out, (char)(0x80 | (point >> 12 & 0x3f)));
        }
        buffer_char(out, (char)(0x80 | (point >> 6 & 0x3f)));
        buffer_char(out, (char)(0x80 | (point & 0x3f)));
    }
}

/* After "&#". */
static size_t read_number(struct buffer *out, const char *text, size_t len)
{
    size_t i = 2;
    bool hex = i < len && octet_lower(text[i]) == 'x';
    i += hex ? 1 : 0;
    size_t first = i;
    uint32_t point = 0;
    for (; i < len; i++) {
        int digit = octet_hex(text[i]);
        if (digit < 0 || (!hex && digit > 9))
            break;
        point = point > 0x110000 ? point : point * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (i == first)
        return 0;
    add_code_point(out, point);
    return i < len && text[i] == ';' ? i + 1 : i;
}

size_t html_entity_read(struct buffer *out, const char *text, size_t len)
{
    if (len < 2 || text[0] != '&')
        return 0;
    if (text[1] == '#')
        return read_number(out, text, len);
    size_t n = 0;
    while (1 + n < len && n < HTML_ENTITY_NAME_MAX && is_alphanumeric(text[1 + n]))
        n++;
    if (1 + n < len && text[1 + n] == ';') {
        const char *found = find_entity(text + 1, n);
        if (found != NULL) {
            buffer_text(out, found);
            return n + 2;
        }
    }
    /* the longest one that needs no semicolon */
    for (n = n < HTML_UNTERMINATED_MAX ? n : HTML_UNTERMINATED_MAX; n >= 2; n--) {
        const char *found = find_entity(text + 1, n);
        if (found != NULL && is_unterminated(text + 1, n)) {
            buffer_text(out, found);
            return n + 1;
        }
    }
    return 0;
}
