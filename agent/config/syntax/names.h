/*
 * Syntax of names, addresses, domains and hosts. Each returns NULL when the text is well formed,
 * else what was expected (static text).
 */
#ifndef AGENT_CONFIG_SYNTAX_NAMES_H
#define AGENT_CONFIG_SYNTAX_NAMES_H

#include <stddef.h>

/* Names of sections: used in header fields, logs and folder names. */
const char *names_section(const char *text);
/* local@domain. Quoted local parts are not accepted. */
const char *names_address(const char *text);
const char *names_domain(const char *text);
/* A host name, or an IPv4 or IPv6 address without brackets. */
const char *names_host(const char *text);
/* An address to listen on: "127.0.0.1:8025", "[::1]:8025", "localhost:8025". */
const char *names_listen(const char *text);
/* The name of a header field, RFC 5322 section 2.2. */
const char *names_field(const char *text);
/* Lower-cases the ASCII letters after the last "@", or all of them if there is none. */
void names_lower_domain(char *address);
void names_lower(char *text);

#endif
