/*
 * accounts_file: many accounts as CSV (RFC 4180), one a line, with a header line that names the
 * columns in any order: address, login, monitor, aliases, password_file, server, folders. Several
 * aliases or folders in one field are separated by semicolons; aliases also by spaces. Quoted
 * fields may contain commas, quotes (doubled) and line breaks; lines end with CRLF or LF; empty
 * lines and lines that begin with "#" are skipped. An account's name is its address.
 */
#ifndef AGENT_CONFIG_SECTIONS_ACCOUNTS_FILE_H
#define AGENT_CONFIG_SECTIONS_ACCOUNTS_FILE_H

#include "agent/config/sections/loader.h"

/* line: where the main file names it. */
void accounts_file_load(struct config_loader *loader, const char *path, int line);

#endif
