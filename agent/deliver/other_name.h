/*
 * Names to try for a folder whose name a server refuses for a character in it. Pure.
 */
#ifndef AGENT_DELIVER_OTHER_NAME_H
#define AGENT_DELIVER_OTHER_NAME_H

#include <stddef.h>

/*
 * The name with "_" for what the server may not like, more of it with each step:
 *
 *   1  the character that its refusal quotes     3  all ASCII punctuation
 *   2  dots                                      4  all that is not ASCII, too
 *
 * The separator and the first `prefix` octets stay. refusal: the server's text. A new string, equal
 * to the name where the step changes nothing; NULL: there is no such step.
 */
#define OTHER_NAME_STEPS 4
char *other_name(const char *name, size_t prefix, char separator, unsigned step,
                 const char *refusal);

#endif
