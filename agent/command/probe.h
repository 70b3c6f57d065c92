/*
 * `mailvigil probe`: a Nagios plugin. After the word "probe" it has the
 * options of plugins: -w RANGE, -c RANGE (seconds), -t SECONDS, -v, -4, -6, -V, -h; and --json,
 * --list,
 * --last. Everything is written to standard output; the exit status is 0 OK, 1 WARNING, 2 CRITICAL,
 * 3 UNKNOWN (also for mistakes in the command line or the configuration).
 *
 * NAME runs that probe once, by itself, without an agent: it writes nothing to the state directory.
 * Without NAME all probes are run at the same time, a line each; the status is the worst.
 * --last prints the last result of the running agent, without contacting the service.
 */
#ifndef AGENT_COMMAND_PROBE_H
#define AGENT_COMMAND_PROBE_H

/* argv[0] is "probe". config_path: as given before it. */
int probe_command(const char *config_path, int argc, char **argv);

#endif
