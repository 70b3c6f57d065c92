/*
 * A real Dovecot of the test's own: loopback, free ports, its files in a directory of its own under
 * TMPDIR or /tmp, its certificate from a CA made on the spot. Any user may sign in with the
 * password "wonder"; "vigil" with the password "master" on behalf of anybody.
 */
#ifndef SCRIPTED_DOVECOT_H
#define SCRIPTED_DOVECOT_H

#include <stdint.h>

struct dovecot;

/* Returns when it answers; fails the test (or ends the program) when there is none. */
struct dovecot *dovecot_start(void);
/* Stops it and removes its files. */
void dovecot_stop(struct dovecot *dovecot);
uint16_t dovecot_imap_port(const struct dovecot *dovecot);
uint16_t dovecot_imaps_port(const struct dovecot *dovecot);
const char *dovecot_ca_file(const struct dovecot *dovecot);

#endif
