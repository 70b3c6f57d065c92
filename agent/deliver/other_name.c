#include "agent/deliver/other_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "rules/util/memory.h"

/* The character in 'x' or "x"; 0: none is quoted. */
static unsigned char quoted_in(const char *text)
{
    for (const char *p = text; p[0] != '\0' && p[1] != '\0' && p[2] != '\0'; p++)
        if ((p[0] == '\'' || p[0] == '"') && p[2] == p[0])
            return (unsigned char)p[1];
    return 0;
}

static bool is_disliked(unsigned char octet, unsigned step, unsigned char quoted)
{
    switch (step) {
    case 1:
        return octet == quoted;
    case 2:
        return octet == '.';
    default:
        return octet < 0x80 ? !isalnum(octet) && strchr("_- ", octet) == NULL : step > 3;
    }
}

char *other_name(const char *name, size_t prefix, char separator, unsigned step,
                 const char *refusal)
{
    unsigned char quoted = quoted_in(refusal);
    char *other, *out;

    if (step == 0 || step > OTHER_NAME_STEPS)
        return NULL;
    other = xstrdup(name);
    out = other + prefix;
    for (const unsigned char *in = (const unsigned char *)name + prefix; *in != '\0'; in++) {
        bool inside = (*in & 0xc0) == 0x80; /* of a character of several octets, RFC 3629 */

        if (*in == (unsigned char)separator || !is_disliked(*in, step, quoted))
            *out++ = (char)*in;
        else if (!inside)
            *out++ = '_';
    }
    *out = '\0';
    return other;
}
