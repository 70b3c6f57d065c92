/*
 * Reading a secret from its file, and the rules for such files: a regular file, owned by root or
 * by the user who runs this, that neither group nor others can read or write. The open file is
 * judged, not its name. A name "credential:NAME" is looked up in $CREDENTIALS_DIRECTORY (systemd),
 * whose files are the service manager's to protect.
 */
#ifndef AGENT_SYSTEM_SECRET_FILE_H
#define AGENT_SYSTEM_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* NULL, or what is wrong (caller frees). With secret not NULL: what was read, NUL-terminated, at
 * most SECRET_MAX octets (caller wipes and frees), NULL on error. */
char *secret_file_read(const char *path, char **secret);
/* The first line of the text, cut in place. NULL: it is no usable secret, *why (static) says so. */
const char *secret_first_line(char *text, size_t len, const char **why);

#endif
