#include "agent/deliver/refusal.h"

#include <string.h>

/* What servers that know no response codes write when the cause is not the command. */
static bool text_is_passing(const char *text)
{
    static const char *const words[] = {
        "throttl",       "too many", "try again", "try later", "later",        "temporar",
        "busy",          "overload", "timeout",   "timed out", "internal",     "unavailable",
        "not connected", "quota",    "disk",      "no space",  "server error", "maintenance",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcasestr(text, words[i]) != NULL)
            return true;
    return false;
}

static enum refusal without_code(const struct imap_result *result, const struct refusal_form *form)
{
    if (!form->simplest && form->differs)
        return REFUSAL_FORM;
    if (text_is_passing(result->reason) || result->kind != IMAP_RESULT_BAD)
        return REFUSAL_PASSING;
    return form->simplest ? REFUSAL_SYNTAX : REFUSAL_FORM;
}

enum refusal refusal_of(const struct imap_result *result, const struct refusal_form *form,
                        unsigned *pause)
{
    enum imap_code code = result->text != NULL ? result->text->code : IMAP_CODE_NONE;

    *pause = result->text != NULL ? imap_text_backoff(result->text) : 0;
    switch (code) {
    case IMAP_CODE_TOOBIG:
    case IMAP_CODE_BADCHARSET:
    case IMAP_CODE_UNKNOWN_CTE:
        return REFUSAL_FINAL;
    case IMAP_CODE_LIMIT:
        if (form->append_limit > 0 && form->size > form->append_limit)
            return REFUSAL_FINAL;
        if (*pause == 0 && !form->simplest && form->differs)
            return REFUSAL_FORM; /* of keywords, perhaps */
        return REFUSAL_BUSY;
    case IMAP_CODE_TRYCREATE:
    case IMAP_CODE_NONEXISTENT:
        return REFUSAL_FOLDER;
    case IMAP_CODE_OVERQUOTA:
    case IMAP_CODE_THROTTLED:
    case IMAP_CODE_UNAVAILABLE:
    case IMAP_CODE_INUSE:
    case IMAP_CODE_NOPERM:
    case IMAP_CODE_AUTHORIZATIONFAILED:
    case IMAP_CODE_EXPIRED:
        return REFUSAL_BUSY;
    case IMAP_CODE_SERVERBUG:
        return REFUSAL_PASSING;
    default:
        return *pause > 0 ? REFUSAL_BUSY : without_code(result, form);
    }
}
