#include "agent/ledger/store/spool_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void spool_name(uint64_t segment, char name[SPOOL_NAME_SIZE])
{
    snprintf(name, SPOOL_NAME_SIZE, "%016" PRIx64 ".seg", segment);
}

uint64_t spool_name_read(const char *name)
{
    if (strlen(name) != SPOOL_NAME_SIZE - 1 || strcmp(name + 16, ".seg") != 0)
        return 0;
    uint64_t segment = 0;
    for (int i = 0; i < 16; i++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, name[i]);
        if (digit == NULL)
            return 0;
        segment = segment << 4 | (uint64_t)(digit - digits);
    }
    return segment;
}

/* CRC-32 of IEEE 802.3, as in zlib; without a table, since a header is short. */
static uint32_t crc32(const unsigned char *octets, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= octets[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
    }
    return ~crc;
}

static void put_number(unsigned char *octets, uint64_t number, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        octets[i] = (unsigned char)(number & 0xff);
        number >>= 8;
    }
}

void spool_header_make(unsigned char header[SPOOL_HEADER], uint64_t len,
                       const unsigned char sha256[32])
{
    memcpy(header, "MVS1", 4); /* NOLINT(bugprone-not-null-terminated-result): octets, no string */
    put_number(header + 4, len, 8);
    memcpy(header + 12, sha256, 32);
    put_number(header + 44, crc32(header, 44), 4);
}

bool spool_header_is(const unsigned char header[SPOOL_HEADER], uint64_t len,
                     const unsigned char sha256[32])
{
    unsigned char expected[SPOOL_HEADER];
    spool_header_make(expected, len, sha256);
    return memcmp(header, expected, sizeof(expected)) == 0;
}
