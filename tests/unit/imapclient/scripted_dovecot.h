/*
 * A real Dovecot for a test: loopback, free ports, its files in a directory of its own under TMPDIR
 * or /tmp, its certificate from a CA made for it. Any user can log in with the password "wonder";
 * "vigil" with the password "master" on behalf of any user.
 */
#ifndef SCRIPTED_DOVECOT_H
#define SCRIPTED_DOVECOT_H

#include <stdint.h>

struct dovecot;

/* Returns when it answers; ends the program if it does not start. */
struct dovecot *dovecot_start(void);
/* Stops it and removes its files. */
void dovecot_stop(struct dovecot *dovecot);
uint16_t dovecot_imap_port(const struct dovecot *dovecot);
uint16_t dovecot_imaps_port(const struct dovecot *dovecot);
const char *dovecot_ca_file(const struct dovecot *dovecot);

#endif
