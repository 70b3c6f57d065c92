#include "rules/text/reading.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void readings_add(struct readings *readings, const char *how, char *text, size_t len)
{
    for (size_t i = 0; i < readings->count; i++)
        if (readings->list[i].len == len && memcmp(readings->list[i].text, text, len) == 0) {
            free(text);
            return;
        }
    assert(readings->count < READINGS_MAX);
    readings->list[readings->count++] = (struct reading){.how = how, .text = text, .len = len};
}

void readings_doubt(struct readings *readings, const char *reason)
{
    if (readings->doubt == NULL)
        readings->doubt = reason;
}

void readings_clear(struct readings *readings)
{
    for (size_t i = 0; i < readings->count; i++)
        free(readings->list[i].text);
    *readings = (struct readings){0};
}
