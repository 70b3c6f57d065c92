/*
 * What may be a name, an address, a domain, a host. Each returns NULL when the text is well formed,
 * else what was expected (static text).
 */
#ifndef AGENT_CONFIG_SYNTAX_NAMES_H
#define AGENT_CONFIG_SYNTAX_NAMES_H

#include <stddef.h>

/* Names of sections: they stand in header fields, logs and folder names. */
const char *names_section(const char *text);
/* local@domain. Local parts that need quotes are not taken. */
const char *names_address(const char *text);
const char *names_domain(const char *text);
/* A host name, or an IPv4 or IPv6 address without brackets. */
const char *names_host(const char *text);
/* An address to listen at: "127.0.0.1:8025", "[::1]:8025", "localhost:8025". */
const char *names_listen(const char *text);
/* The name of a header field, RFC 5322 section 2.2. */
const char *names_field(const char *text);
/* Octets behind the last "@", ASCII letters lower-cased; all of it if there is none. */
void names_lower_domain(char *address);
void names_lower(char *text);

#endif
