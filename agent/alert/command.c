#include <stdlib.h>

#include "agent/alert/private.h"
#include "agent/system/child.h"
#include "rules/util/memory.h"

struct alert_command {
    struct child *child;
    alert_tried *tried;
    void *arg;
};

static void on_done(void *arg, char *output, size_t len, const char *why)
{
    struct alert_command *command = arg;
    alert_tried *tried = command->tried;
    void *tried_arg = command->arg;

    (void)output;
    (void)len;
    free(command); /* the child frees itself */
    tried(tried_arg, why);
}

struct alert_command *alert_command_run(struct event_base *base, char *const *arguments,
                                        const struct alert_message *message, unsigned timeout,
                                        alert_tried *tried, void *arg)
{
    struct alert_command *command = xcalloc(1, sizeof(*command));
    const struct child_program program = {
        .arguments = arguments,
        .environment = message->environment,
        .input = message->json,
        .input_len = message->len,
        .timeout = timeout,
    };

    command->tried = tried;
    command->arg = arg;
    command->child = child_run_program(base, &program, on_done, command);
    return command;
}

void alert_command_cancel(struct alert_command *command)
{
    if (command == NULL)
        return;
    child_cancel(command->child);
    free(command);
}
