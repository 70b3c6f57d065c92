#include "agent/probe/dialogue/dialogue.h"

#include <string.h>
#include <strings.h>

#include "imapclient/text/printable.h"

#define LINE_JOINT " / "

struct text_room {
    char *text;
    size_t len, max;
};

static void put(struct text_room *room, char octet)
{
    if (room->len < room->max)
        room->text[room->len++] = octet;
}

static void put_line(struct text_room *room, const char *line, size_t len)
{
    if (len > 0 && line[len - 1] == '\r')
        len--;
    for (size_t i = 0; i < len; i++)
        put(room, line[i]);
}

void dialogue_clean(char *out, size_t size, const char *text, size_t len)
{
    if (size == 0)
        return;
    struct text_room room = {.text = out, .max = size - 1};
    const char *at = text, *end = text + len;
    while (at < end && room.len < room.max) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = lf != NULL ? lf : end;
        if (at != text)
            for (const char *joint = LINE_JOINT; *joint != '\0'; joint++)
                put(&room, *joint);
        put_line(&room, at, (size_t)(line_end - at));
        at = lf != NULL ? lf + 1 : end;
    }
    text_printable_octets(out, room.len, PRINTABLE_ASCII);
    out[room.len] = '\0';
}

bool dialogue_has(const char *capabilities, const char *capability)
{
    size_t len = strlen(capability);
    const char *at = capabilities != NULL ? capabilities : "";
    while (*at != '\0' && len > 0) {
        size_t word = strcspn(at, " ");
        if (word == len && strncasecmp(at, capability, len) == 0)
            return true;
        at += word;
        at += strspn(at, " ");
    }
    return false;
}
