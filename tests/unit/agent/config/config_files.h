/*
 * A configuration on disk for a test: a directory with mailvigil.conf, rules.d/10-all.conf,
 * users.csv and secrets, in which single lines can be replaced.
 */
#ifndef AGENT_CONFIG_CONFIG_FILES_H
#define AGENT_CONFIG_CONFIG_FILES_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config/config.h"
#include "rules/util/memory.h"

/* Of an authority that signs nothing. */
static const char config_files_certificate[] __attribute__((unused)) =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdTCCARugAwIBAgIUZxBR3aLzxUPYApunWRzKQG4b43QwCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjkxMDMwNTBaGA8yMTI2MTEwNTEwMzA1\n"
    "MFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEV/\n"
    "uOCOwDe7G1j7kPjp5Ni+R8V2V/BfYFe4/eqaHSgpWCsMEP8TgLwkoiBwX0RJymNa\n"
    "5wAadp+uDf9aGXhevqWjUzBRMB0GA1UdDgQWBBR5ONn5CrDZoETLIgs6jKRAdogN\n"
    "jjAfBgNVHSMEGDAWgBR5ONn5CrDZoETLIgs6jKRAdogNjjAPBgNVHRMBAf8EBTAD\n"
    "AQH/MAoGCCqGSM49BAMCA0gAMEUCIQCzLEQWyf7IXv6UZkKVpGfJbJRVzdmdJDNQ\n"
    "WlZ5SsnIZwIgDG6QhivGyDeyrxwF9Vwyh6rGNoYaM50DdBb8vWgjjMI=\n"
    "-----END CERTIFICATE-----\n";

struct config_files {
    char directory[64];
    char main[96];
};

static inline char *config_files_path(const struct config_files *files, const char *name)
{
    return xasprintf("%s/%s", files->directory, name);
}

static inline void config_files_write(const struct config_files *files, const char *name,
                                      const char *text, unsigned mode)
{
    char *path = config_files_path(files, name);
    unlink(path);
    FILE *out = fopen(path, "w");
    if (out == NULL || fputs(text, out) < 0 || fclose(out) != 0 || chmod(path, mode) != 0)
        abort();
    free(path);
}

static inline void config_files_begin(struct config_files *files)
{
    snprintf(files->directory, sizeof(files->directory), "/tmp/mailvigil-test-XXXXXX");
    if (mkdtemp(files->directory) == NULL)
        abort();
    snprintf(files->main, sizeof(files->main), "%s/mailvigil.conf", files->directory);
    char *rules = config_files_path(files, "rules.d");
    if (mkdir(rules, 0755) != 0)
        abort();
    free(rules);
}

static inline int config_files_remove(const char *path, const struct stat *st, int type,
                                      struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void config_files_end(struct config_files *files)
{
    nftw(files->directory, config_files_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* text with its line of that number (from 1) replaced; a new string. */
static inline char *config_files_replace(const char *text, int line, const char *by)
{
    const char *start = text;
    while (line-- > 1)
        start = strchr(start, '\n') + 1;
    const char *end = strchr(start, '\n');
    return xasprintf("%.*s%s%s", (int)(start - text), text, by, end);
}

/* All problems as one text, to be shown when a test fails; a new string. */
static inline char *config_files_problems(const struct config_problems *problems)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    config_problems_print(problems, out);
    fclose(out);
    return text;
}

#endif
