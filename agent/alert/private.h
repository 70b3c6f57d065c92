/*
 * How one alert is tried at one destination, by a command or a webhook. Private to this room and
 * its test.
 */
#ifndef AGENT_ALERT_PRIVATE_H
#define AGENT_ALERT_PRIVATE_H

#include "agent/alert/alert.h"
#include "agent/util/backoff.h"

/* why NULL: it was accepted. Called once, from the loop, never inside of the call that started it;
 * what was started is freed by then. */
typedef void alert_tried(void *arg, const char *why);

struct alert_message {
    char *json; /* NUL-terminated */
    size_t len;
    char **environment; /* "NAME=value", NULL-terminated */
};

struct alert_command;
struct alert_command *alert_command_run(struct event_base *base, char *const *arguments,
                                        const struct alert_message *message, unsigned timeout,
                                        alert_tried *tried, void *arg);
void alert_command_cancel(struct alert_command *command); /* kills it; tried is not called */

/* A POST to an https URL, or to an http one whose every address is loopback. The timeout
 * (seconds) is for all of it: each address of the name is tried in turn until one has answered.
 * The response apart from its status is read up to a bound and ignored. */
struct webhook;
struct webhook *webhook_post(struct links *links, const char *url, const char *ca_file,
                             const struct alert_message *message, unsigned timeout,
                             alert_tried *tried, void *arg);
void webhook_cancel(struct webhook *webhook); /* closes it; tried is not called */

/* For tests: how long a try may take (seconds), and how long to wait between two. */
void alerts_set_patience(struct alerts *alerts, unsigned timeout, const struct backoff *backoff);

#endif
