#include "imapclient/text/printable.h"

#include <string.h>

void text_printable_octets(char *data, size_t len, enum printable keep)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char octet = (unsigned char)data[i];
        if (octet < 0x20 || octet == 0x7f || (octet >= 0x80 && keep == PRINTABLE_ASCII))
            data[i] = '?';
    }
}

void text_printable(char *text, enum printable keep)
{
    text_printable_octets(text, strlen(text), keep);
}
