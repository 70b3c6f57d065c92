/* The words that copies, logs and explain use for what the rules know. */
#include <string.h>

#include "rules/message.h"

const char *warning_text(unsigned warning)
{
    switch (warning) {
    case WARNING_FROM_MISMATCH:
        return "from-mismatch";
    case WARNING_CLAIMED_INTERNAL:
        return "claimed-internal";
    case WARNING_NO_FROM:
        return "no-from";
    case WARNING_SEVERAL_FROM:
        return "several-from";
    case WARNING_HEADER_TRUNCATED:
        return "header-truncated";
    case WARNING_TOO_MANY_RECIPIENTS:
        return "too-many-recipients";
    case WARNING_TNEF:
        return "tnef";
    case WARNING_OLD_MESSAGE:
        return "old-message";
    case WARNING_BODY_LIMITED:
        return "body-limited";
    default:
        return NULL;
    }
}

const char *basis_text(enum basis basis)
{
    static const char *const texts[] = {
        [BASIS_OWNER] = "owner",
        [BASIS_TO] = "to",
        [BASIS_CC] = "cc",
        [BASIS_BCC] = "bcc",
        [BASIS_DELIVERED_TO] = "delivered-to",
        [BASIS_X_ORIGINAL_TO] = "x-original-to",
        [BASIS_ENVELOPE_TO] = "envelope-to",
    };
    return texts[basis];
}

const char *direction_text(unsigned directions, char buffer[40])
{
    static const struct {
        unsigned direction;
        const char *text;
    } texts[] = {{DIRECTION_INCOMING, "incoming"},
                 {DIRECTION_OUTGOING, "outgoing"},
                 {DIRECTION_INTERNAL, "internal"}};
    char *end = buffer;
    *end = '\0';
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if ((directions & texts[i].direction) == 0)
            continue;
        if (end > buffer)
            end = stpcpy(end, ", ");
        end = stpcpy(end, texts[i].text);
    }
    return buffer;
}
