/*
 * The meaning of each warning (route.h) in a sentence, for people; mailvigil.conf(5), "Warnings",
 * says more. tests/static/manual.py compares the two.
 */
#ifndef RULES_WARNING_H
#define RULES_WARNING_H

/* By the warning's name, "no-from"; "" for a name that is not known. Static. */
const char *warning_meaning(const char *name);

#endif
