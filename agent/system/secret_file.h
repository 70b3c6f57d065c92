/*
 * Reading a secret from its file, and the rules for such files: a regular file, owned by root or
 * by the user who runs this, that neither group nor others can read or write. The checks are
 * made on the open file, not its name. A name "credential:NAME" is looked up in
 * $CREDENTIALS_DIRECTORY (systemd), whose files the service manager protects.
 */
#ifndef AGENT_SYSTEM_SECRET_FILE_H
#define AGENT_SYSTEM_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* NULL, or what is wrong (caller frees). *secret: what was read, NUL-terminated, at most SECRET_MAX
 * bytes (caller wipes and frees), NULL on error. */
char *secret_file_read(const char *path, char **secret);
/* For secret_check(): looks at the beginning of the file, and keeps nothing of it. */
char *secret_file_check(const char *path, char **doubtful);
/* The first line of the text, cut in place. NULL: not a usable secret, *why (static) says why. */
const char *secret_first_line(char *text, size_t len, const char **why);

#endif
