/*
 * Whether only root and this user can change a file: the file itself and every directory on its
 * path, both as named and with symbolic links resolved.
 *
 * Owned by root or by us; not writable by group or others. A directory higher up may be writable
 * by others when it is sticky (/tmp): they cannot rename our files in it. Changes nothing.
 */
#ifndef AGENT_EMAIL_RETURN_TRUST_H
#define AGENT_EMAIL_RETURN_TRUST_H

#include <stdbool.h>
#include <stddef.h>

/* false: why says which, and what to do. The path is absolute. */
bool trust_file(const char *path, char *why, size_t why_size);
/* The same for the directory of a file that need not exist yet. */
bool trust_place(const char *path, char *why, size_t why_size);

#endif
