/*
 * Folders of a target that cannot be selected or created: each is left alone for a time that
 * doubles from LIMIT_REFUSED_FIRST to LIMIT_REFUSED_LAST, so that its copies ask for it once, and
 * not each for itself. The last FOLDER_TROUBLES_MAX are remembered.
 */
#ifndef AGENT_DELIVER_FOLDER_TROUBLES_H
#define AGENT_DELIVER_FOLDER_TROUBLES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "agent/util/backoff.h"

#define FOLDER_TROUBLES_MAX 64

struct folder_trouble {
    char *name, *reason;
    struct backoff backoff;
    time_t until;
};

struct folder_troubles {
    struct folder_trouble list[FOLDER_TROUBLES_MAX]; /* the last one added is the last */
    size_t n;
};

/* NULL: there is none, or the folder may be tried again. Borrowed until the next call. */
const struct folder_trouble *folder_troubles_now(const struct folder_troubles *troubles,
                                                 const char *name, time_t now);
/* *changed: it has not failed for that reason before. */
const struct folder_trouble *folder_troubles_note(struct folder_troubles *troubles,
                                                  const char *name, const char *reason, time_t now,
                                                  bool *changed);
/* It works. true: it did not before. */
bool folder_troubles_forget(struct folder_troubles *troubles, const char *name);
/* All may be tried again now. */
void folder_troubles_retry(struct folder_troubles *troubles);
void folder_troubles_clear(struct folder_troubles *troubles);

#endif
