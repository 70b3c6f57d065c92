/*
 * Names in UTF-8 compared as people see them: without case, in composed or decomposed form (Apple
 * sends the latter), with or without the marks that only help to read. Independent of the locale.
 */
#ifndef IMAPCLIENT_TEXT_FOLDING_H
#define IMAPCLIENT_TEXT_FOLDING_H

#include <stdbool.h>

/* Knows the letters that occur in special_names.c; others compare by case and code point. A name
 * that is not UTF-8 equals none. */
bool folding_equal(const char *a, const char *b);

#endif
