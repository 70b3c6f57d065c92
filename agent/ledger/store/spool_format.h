/*
 * How a segment and a record of the spool look: spool.h has the description.
 */
#ifndef AGENT_LEDGER_STORE_SPOOL_FORMAT_H
#define AGENT_LEDGER_STORE_SPOOL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/ledger/store/spool.h"

#define SPOOL_NAME_SIZE sizeof("0123456789abcdef.seg")

void spool_name(uint64_t segment, char name[SPOOL_NAME_SIZE]);
/* 0: not the name of a segment. */
uint64_t spool_name_read(const char *name);

void spool_header_make(unsigned char header[SPOOL_HEADER], uint64_t len,
                       const unsigned char sha256[32]);
/* Whether it is a sound header of a record of that length and digest. */
bool spool_header_is(const unsigned char header[SPOOL_HEADER], uint64_t len,
                     const unsigned char sha256[32]);

#endif
