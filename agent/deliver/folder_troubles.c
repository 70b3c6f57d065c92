#include "agent/deliver/folder_troubles.h"

#include <stdlib.h>
#include <string.h>

#include "agent/system/limit.h"
#include "rules/util/memory.h"

static size_t find(const struct folder_troubles *troubles, const char *name)
{
    size_t i = 0;

    while (i < troubles->n && strcmp(troubles->list[i].name, name) != 0)
        i++;
    return i;
}

static void take_out(struct folder_troubles *troubles, size_t i)
{
    free(troubles->list[i].name);
    free(troubles->list[i].reason);
    memmove(&troubles->list[i], &troubles->list[i + 1],
            (troubles->n - i - 1) * sizeof(troubles->list[0]));
    troubles->n--;
}

const struct folder_trouble *folder_troubles_now(const struct folder_troubles *troubles,
                                                 const char *name, time_t now)
{
    size_t i = find(troubles, name);

    return i < troubles->n && troubles->list[i].until > now ? &troubles->list[i] : NULL;
}

static struct folder_trouble *add(struct folder_troubles *troubles, const char *name)
{
    struct folder_trouble *trouble;

    if (troubles->n == FOLDER_TROUBLES_MAX)
        take_out(troubles, 0);
    trouble = &troubles->list[troubles->n++];
    *trouble = (struct folder_trouble){
        .name = xstrdup(name),
        .reason = xstrdup(""),
        .backoff = {.first = LIMIT_REFUSED_FIRST, .last = LIMIT_REFUSED_LAST}};
    return trouble;
}

const struct folder_trouble *folder_troubles_note(struct folder_troubles *troubles,
                                                  const char *name, const char *reason, time_t now,
                                                  bool *changed)
{
    size_t i = find(troubles, name);
    struct folder_trouble *trouble = i < troubles->n ? &troubles->list[i] : add(troubles, name);

    *changed = strcmp(trouble->reason, reason) != 0;
    if (*changed) {
        free(trouble->reason);
        trouble->reason = xstrdup(reason);
    }
    trouble->until = now + backoff_next(&trouble->backoff).tv_sec;
    return trouble;
}

bool folder_troubles_forget(struct folder_troubles *troubles, const char *name)
{
    size_t i = find(troubles, name);

    if (i == troubles->n)
        return false;
    take_out(troubles, i);
    return true;
}

void folder_troubles_retry(struct folder_troubles *troubles)
{
    for (size_t i = 0; i < troubles->n; i++)
        troubles->list[i].until = 0;
}

void folder_troubles_clear(struct folder_troubles *troubles)
{
    while (troubles->n > 0)
        take_out(troubles, troubles->n - 1);
}
