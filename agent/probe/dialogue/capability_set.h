/*
 * What a server offers, as a set of words in upper case with one space between: what
 * dialogue_outcome.capabilities holds. The mechanisms of "AUTH PLAIN LOGIN" (RFC 4954),
 * "AUTH=PLAIN LOGIN" (before it) and "SASL PLAIN" (RFC 5034) are words AUTH=PLAIN, AUTH=LOGIN.
 */
#ifndef AGENT_PROBE_DIALOGUE_CAPABILITY_SET_H
#define AGENT_PROBE_DIALOGUE_CAPABILITY_SET_H

#include <stdbool.h>
#include <stddef.h>

#define CAPABILITY_SET_MAX 4096

struct capability_set {
    char text[CAPABILITY_SET_MAX];
    size_t len;
};

void capability_set_clear(struct capability_set *set);
/* A line of a reply to EHLO or CAPA, without code. Parameters that are not mechanisms are left out.
 * false: the set is full. */
bool capability_set_add(struct capability_set *set, const char *line, size_t len);

#endif
