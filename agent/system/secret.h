/*
 * Getting a secret when it is needed: from a file, or from a command that runs as a child process
 * under the event loop with a time limit (SECRET_COMMAND_TIMEOUT). Values are wiped after use.
 * The secret is the first line, without its CR LF or LF; if it is empty, longer than SECRET_MAX
 * bytes or contains NUL it is refused. A file that group or others can read is refused (also
 * $CREDENTIALS_DIRECTORY of systemd: a relative name that starts with "credential:" is looked up
 * there).
 */
#ifndef AGENT_SYSTEM_SECRET_H
#define AGENT_SYSTEM_SECRET_H

#include <event2/event.h>

#define SECRET_MAX 65536
#define SECRET_COMMAND_TIMEOUT 30
#define SECRET_CREDENTIAL "credential:"

/* Where a secret comes from; at most one of them is set. The configuration keeps this, never the
 * value. */
struct secret_source {
    char *password_file;
    char *password_command; /* run by /bin/sh -c; first line of its output */
    char *oauth_token_command;
    int line; /* of the configuration file that says so */
    char *file;
};

struct secret_request;
/* Exactly one of secret and why is not NULL; both are borrowed and secret is wiped afterwards.
 * Never called from inside secret_get(). */
typedef void secret_done(void *arg, const char *secret, const char *why);
struct secret_request *secret_get(struct event_base *base, const struct secret_source *source,
                                  secret_done *done, void *arg);
/* Forgets the request (kills its child); done is not called. */
void secret_cancel(struct secret_request *request);
/*
 * Check only: can the file be read, are its permissions right, is there something in it. NULL: yes;
 * else why not (caller frees). *doubtful: what is usable but hardly meant, such as a blank at the
 * end, or NULL (caller frees).
 */
char *secret_check(const struct secret_source *source, char **doubtful);

#endif
