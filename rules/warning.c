#include "rules/warning.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name, *meaning;
} meanings[] = {
    {"bare-cr", "mail programs differ in where its lines end; rules were applied to both readings"},
    {"body-limited", "not all of its text or of its attachments could be read for certain"},
    {"claimed-internal", "it was received, but its From claims an internal address"},
    {"date-unknown", "the server gave no usable date of arrival"},
    {"encrypted", "rules cannot see what is encrypted in it"},
    {"forged-id", "it carries the X-Monitor-Id of a copy but is not that copy"},
    {"from-mismatch", "it is sent mail, but its From is not an address of the owner"},
    {"header-cut", "this copy does not show all of its header"},
    {"header-truncated", "its header is so large that only a part of it was read"},
    {"no-blank-line", "no empty line ends its header; where its text begins is not certain"},
    {"no-from", "it has no From"},
    {"old-message", "it was found again after the server renumbered the folder"},
    {"several-from", "it has several From fields or authors"},
    {"tnef", "its winmail.dat may contain a receipt request, which remains in the copy"},
    {"too-many-recipients", "it has more recipients than are listed"},
    {"undecided", "some conditions could not be answered for certain"},
    {"unreadable-recipient", "the address of a recipient is malformed; it counts as external"},
};

const char *warning_meaning(const char *name)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
        if (strcmp(meanings[i].name, name) == 0)
            return meanings[i].meaning;
    return "";
}
