/*
 * `mailvigil probe`: a Nagios plugin. Its options are those that plugins have, from the word
 * "probe" on: -w RANGE, -c RANGE (seconds), -t SECONDS, -v, -4, -6, -V, -h; and --json, --list,
 * --last. Everything is written to standard output; the exit status is 0 OK, 1 WARNING, 2 CRITICAL,
 * 3 UNKNOWN (also for mistakes in the command line or the configuration).
 *
 * NAME runs that probe once, by itself, without an agent: it writes nothing to the state directory.
 * Without NAME all probes are run at the same time, a line each; the status is the worst.
 * --last tells what the running agent found last, which asks the service nothing.
 */
#ifndef AGENT_COMMAND_PROBE_H
#define AGENT_COMMAND_PROBE_H

/* argv[0] is "probe". config_path: as given before it. */
int probe_command(const char *config_path, int argc, char **argv);

#endif
