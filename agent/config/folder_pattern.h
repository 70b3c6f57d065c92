/*
 * The name of the folder that a copy goes to: mailvigil.conf(5), target.folder. strftime
 * conversions of the original's INTERNALDATE in UTC, and %{user} %{direction} %{rule} %{domain};
 * "/" becomes the server's separator. Inserted values are cleaned: separators, wildcards, control
 * characters and a leading dot become "_", and so does an empty value, so that nothing in a message
 * or a name can reach another folder.
 */
#ifndef AGENT_CONFIG_FOLDER_PATTERN_H
#define AGENT_CONFIG_FOLDER_PATTERN_H

#include <time.h>

#define FOLDER_NAME_MAX 1000

struct folder_words {
    const char *user, *direction, *rule, *domain;
};

/* NULL: the pattern is well formed; else what is wrong with it (static text). */
const char *folder_name_check(const char *pattern);
/* A new string. separator 0: the server has no hierarchy, "/" becomes "_". */
char *folder_name_make(const char *pattern, time_t internaldate, const struct folder_words *words,
                       char separator);

#endif
