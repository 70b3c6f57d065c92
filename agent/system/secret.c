#include "agent/system/secret.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "agent/system/child.h"
#include "agent/system/secret_file.h"
#include "rules/util/memory.h"

struct secret_request {
    struct event *soon; /* a file's result waits for the loop */
    struct child *child;
    char *secret, *why; /* of a file */
    char *command;      /* its configuration key, for messages */
    secret_done *done;
    void *arg;
};

static void wipe(char *secret)
{
    if (secret == NULL)
        return;
    OPENSSL_cleanse(secret, strlen(secret));
    free(secret);
}

void secret_cancel(struct secret_request *request)
{
    if (request == NULL)
        return;
    if (request->soon != NULL)
        event_free(request->soon);
    child_cancel(request->child);
    wipe(request->secret);
    free(request->why);
    free(request->command);
    free(request);
}

static void on_soon(evutil_socket_t fd, short events, void *arg)
{
    struct secret_request *request = arg;

    (void)fd;
    (void)events;
    request->done(request->arg, request->secret, request->why);
    secret_cancel(request);
}

static void on_output(void *arg, char *output, size_t len, const char *why)
{
    struct secret_request *request = arg;
    const char *fault = why, *secret = NULL;

    request->child = NULL; /* frees itself after this call */
    if (output != NULL)
        secret = secret_first_line(output, len, &fault);
    if (secret == NULL)
        request->why = xasprintf("%s: %s%s", request->command,
                                 output != NULL ? "the output of the command " : "", fault);
    request->done(request->arg, secret, request->why);
    secret_cancel(request);
}

static void run(struct secret_request *request, struct event_base *base, const char *key,
                const char *command)
{
    request->command = xstrdup(key);
    request->child =
        child_run(base, command, SECRET_MAX + 2, SECRET_COMMAND_TIMEOUT, on_output, request);
}

struct secret_request *secret_get(struct event_base *base, const struct secret_source *source,
                                  secret_done *done, void *arg)
{
    const struct timeval now = {0, 0};
    struct secret_request *request = xcalloc(1, sizeof(*request));

    assert((source->password_file != NULL) + (source->password_command != NULL) +
               (source->oauth_token_command != NULL) <=
           1);
    request->done = done;
    request->arg = arg;
    if (source->password_command != NULL) {
        run(request, base, "password_command", source->password_command);
        return request;
    }
    if (source->oauth_token_command != NULL) {
        run(request, base, "oauth_token_command", source->oauth_token_command);
        return request;
    }
    if (source->password_file != NULL)
        request->why = secret_file_read(source->password_file, &request->secret);
    else
        request->why = xstrdup("no secret is configured");
    request->soon = memory_check(evtimer_new(base, on_soon, request));
    evtimer_add(request->soon, &now);
    return request;
}

char *secret_check(const struct secret_source *source, char **doubtful)
{
    *doubtful = NULL;
    return source->password_file != NULL ? secret_file_check(source->password_file, doubtful)
                                         : NULL;
}
