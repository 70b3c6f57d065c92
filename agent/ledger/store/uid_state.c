#include <stddef.h>

#include "agent/ledger/store/types.h"

const char *uid_state_text(enum uid_state state)
{
    static const char *const texts[] = {
        [UID_BEFORE_BASELINE] = "before baseline",
        [UID_NOT_WANTED] = "not wanted",
        [UID_EXEMPT] = "exempt",
        [UID_OWN_COPY] = "own copy",
        [UID_DRAFT] = "draft",
        [UID_CAPTURED] = "captured",
        [UID_DUPLICATE] = "duplicate",
        [UID_VANISHED] = "vanished",
        [UID_VANISHED_INFERRED] = "vanished (inferred)",
        [UID_UNFETCHED] = "unfetched",
        [UID_FAILED] = "failed",
        [UID_UNDECIDED] = "skipped (undecided)",
    };
    if ((size_t)state >= sizeof(texts) / sizeof(texts[0]))
        return "unknown";
    return texts[state];
}

const char *uid_state_name(enum uid_state state)
{
    static const char *const names[] = {
        [UID_BEFORE_BASELINE] = "before_baseline",
        [UID_NOT_WANTED] = "not_wanted",
        [UID_EXEMPT] = "exempt",
        [UID_OWN_COPY] = "own_copy",
        [UID_DRAFT] = "draft",
        [UID_CAPTURED] = "captured",
        [UID_DUPLICATE] = "duplicate",
        [UID_VANISHED] = "vanished",
        [UID_VANISHED_INFERRED] = "vanished_inferred",
        [UID_UNFETCHED] = "unfetched",
        [UID_FAILED] = "failed",
        [UID_UNDECIDED] = "skipped_undecided",
    };
    if ((size_t)state >= sizeof(names) / sizeof(names[0]))
        return "unknown";
    return names[state];
}
