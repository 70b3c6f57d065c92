#include "agent/util/screen.h"

#include <stdbool.h>
#include <string.h>

#include "imapclient/text/printable.h"

static void put(FILE *out, const char *data, size_t len, bool lines)
{
    for (size_t i = 0; i < len;) {
        bool safe;
        size_t octets = text_character(data + i, len - i, &safe);
        bool end = data[i] == '\r' && i + 1 < len && data[i + 1] == '\n';
        if (lines && (data[i] == '\n' || data[i] == '\t' || end))
            safe = true;
        if (safe)
            fwrite(data + i, 1, octets, out);
        else
            fputc('?', out);
        i += octets;
    }
}

void screen_text(FILE *out, const char *text)
{
    put(out, text, strlen(text), false);
}

void screen_lines(FILE *out, const char *data, size_t len)
{
    put(out, data, len, true);
}
