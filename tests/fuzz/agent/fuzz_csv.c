/* Records end, their fields lie within the text, and their lines rise. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/csv.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmemdup0(data, size);
    struct csv csv;
    int line = 0;

    csv_begin(&csv, text);
    while (csv_next(&csv)) {
        if (csv.line <= line || csv.count == 0)
            abort();
        line = csv.line;
        for (size_t i = 0; i < csv.count; i++) {
            size_t at = (size_t)(csv.fields[i] - text);
            if (at > size || at + strlen(csv.fields[i]) > size)
                abort();
        }
    }
    free(text);
    return 0;
}
