/* The messages in tests/samples, for unit tests. */
#ifndef TESTS_UNIT_RULES_SAMPLES_H
#define TESTS_UNIT_RULES_SAMPLES_H

#include <dirent.h>
#include <stdio.h>

#include "rules/util/buffer.h"

static inline char *samples_path(const char *name)
{
    return xasprintf(SOURCE_DIRECTORY "/tests/samples/%s", name);
}

static inline struct buffer sample_read(const char *name)
{
    struct buffer text = {0};
    char *path = samples_path(name), piece[8192];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    for (size_t n; (n = fread(piece, 1, sizeof(piece), file)) > 0;)
        buffer_add(&text, piece, n);
    fclose(file);
    free(path);
    return text;
}

/* Calls each for every sample; fails if there are fewer than twenty. */
static inline void samples_each(void (*each)(const char *name, const struct buffer *text))
{
    char *path = samples_path("");
    DIR *directory = opendir(path);
    int count = 0;
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < 4 || strcmp(entry->d_name + len - 4, ".eml") != 0)
            continue;
        struct buffer text = sample_read(entry->d_name);
        each(entry->d_name, &text);
        buffer_free(&text);
        count++;
    }
    closedir(directory);
    free(path);
    assert_true(count >= 20);
}

#endif
