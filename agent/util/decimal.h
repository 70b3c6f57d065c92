/*
 * Decimal fractions as text in the C locale, whatever LC_NUMERIC is: "0.004", never "4e-03" or
 * "0,004". For ranges, perfdata and JSON.
 */
#ifndef AGENT_UTIL_DECIMAL_H
#define AGENT_UTIL_DECIMAL_H

#include <stdbool.h>

#define DECIMAL_TEXT_MAX 32
#define DECIMAL_PARSE_MAX 1e12 /* larger values are not parsed */

/* Rounded to 6 decimals, without trailing zeros; from 1e12 on without decimals, cut at 1e24. "" for
 * NaN. */
void decimal_text(double value, char out[DECIMAL_TEXT_MAX]);
/* "-12.5" or "+3" or ".5" at *text, which is moved past it. false: not a number, or too large. */
bool decimal_parse(const char **text, double *value);

#endif
