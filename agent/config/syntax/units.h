/*
 * Values of the configuration that have a unit or a fixed form. Each function returns NULL and sets
 * its output, or returns what was expected ("a size such as 10kB, 10KiB or 2MB"; static text) and
 * leaves the output unchanged.
 */
#ifndef AGENT_CONFIG_SYNTAX_UNITS_H
#define AGENT_CONFIG_SYNTAX_UNITS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Bytes. kB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB of 1024; B or nothing: bytes. */
const char *units_size(const char *text, uint64_t *bytes);
/* Seconds, from s, m, h, d, w; a bare 0 needs no unit. */
const char *units_duration(const char *text, unsigned *seconds);
/* Milliseconds, from ms, s, m, h; decimals allowed: "500ms", "1.5s". At least one, at most a day.
 */
const char *units_milliseconds(const char *text, unsigned *milliseconds);
/* "2026-01-31": the first second of that day, UTC. Years 1970 to 9999. */
const char *units_date(const char *text, time_t *start);
/* true, yes, on, 1; false, no, off, 0; without case. */
const char *units_bool(const char *text, bool *value);
/* A whole number from 0 to 1,000,000. */
const char *units_count(const char *text, unsigned *count);
/* 0 to 100, decimals allowed, with or without a percent sign. */
const char *units_percent(const char *text, double *percent);

#endif
