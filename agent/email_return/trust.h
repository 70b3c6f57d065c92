/*
 * Whether nobody but root and this user can change what a file says: neither the file nor any
 * directory on the way to it, by its name and by where symbolic links lead.
 *
 * Owned by root or by us; not writable by group or others. A directory higher up may be writable
 * by others when it is sticky (/tmp): they cannot rename what is ours in it. Pure looking.
 */
#ifndef AGENT_EMAIL_RETURN_TRUST_H
#define AGENT_EMAIL_RETURN_TRUST_H

#include <stdbool.h>
#include <stddef.h>

/* false: why says which, and what to do. The path is absolute. */
bool trust_file(const char *path, char *why, size_t why_size);
/* The directory that holds it, which need not hold it yet. */
bool trust_place(const char *path, char *why, size_t why_size);

#endif
