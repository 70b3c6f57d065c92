#include "agent/status/control.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rules/util/memory.h"

#define CONTROL_LINE_MAX 1024

struct control_question {
    struct control *control; /* NULL: the client is gone, the answer is still awaited */
    struct bufferevent *client;
    struct event *overdue; /* once asked: nothing is read then that a timeout could come from */
    bool heard;            /* the request is complete: the client may shut its side down */
    bool asked;            /* and not answered yet */
    LIST_ENTRY(control_question) entry;
};

struct control {
    struct evconnlistener *listener;
    struct event *accept_again;
    control_ask *ask;
    void *arg;
    char *path;
    unsigned clients;
    LIST_HEAD(, control_question) questions;
};

/* "control.sock" in the state directory; false: the path does not fit a socket address. */
static bool address_for(const char *state_dir, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    return (size_t)snprintf(address->sun_path, sizeof(address->sun_path), "%s/control.sock",
                            state_dir) < sizeof(address->sun_path);
}

/* The client is gone; the question itself lives until it is answered, if it was asked. A question
 * in the list has its control, which clang 14 cannot see. */
static void drop_client(struct control_question *question)
{
    LIST_REMOVE(question, entry);
    question->control->clients--; /* NOLINT(clang-analyzer-core.NullDereference): as above */
    question->control = NULL;
    bufferevent_free(question->client);
    question->client = NULL;
    event_free(question->overdue);
    question->overdue = NULL;
    if (!question->asked)
        free(question);
}

static void on_event(struct bufferevent *client, short what, void *arg)
{
    struct control_question *question = arg;

    (void)client;
    if (!question->heard || what != (BEV_EVENT_READING | BEV_EVENT_EOF))
        drop_client(question);
}

static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    drop_client(arg);
}

static void on_written(struct bufferevent *client, void *arg)
{
    (void)client;
    drop_client(arg);
}

static void on_readable(struct bufferevent *client, void *arg)
{
    struct control_question *question = arg;
    struct evbuffer *input = bufferevent_get_input(client);
    const struct timeval timeout = {.tv_sec = CONTROL_TIMEOUT};
    size_t len = 0;
    char *line = evbuffer_readln(input, &len, EVBUFFER_EOL_LF);

    if (line == NULL ? evbuffer_get_length(input) > CONTROL_LINE_MAX : len > CONTROL_LINE_MAX) {
        free(line);
        drop_client(question);
        return;
    }
    if (line == NULL)
        return;
    bufferevent_disable(client, EV_READ);
    question->heard = question->asked = true;
    event_add(question->overdue, &timeout);
    question->control->ask(question->control->arg, question, line);
    free(line);
}

void control_answer(struct control_question *question, const char *text, size_t len)
{
    question->asked = false;
    if (question->control == NULL) {
        free(question);
        return;
    }
    event_del(question->overdue);
    if (len == 0) {
        drop_client(question);
        return;
    }
    bufferevent_setcb(question->client, NULL, on_written, on_event, question);
    bufferevent_write(question->client, text, len);
    bufferevent_enable(question->client, EV_WRITE);
}

/* No descriptor is left, say: a client that waits must not make us spin. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    struct control *control = arg;
    struct timeval pause = {.tv_sec = 1};

    evconnlistener_disable(listener);
    event_add(control->accept_again, &pause);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    struct control *control = arg;

    (void)fd;
    (void)what;
    evconnlistener_enable(control->listener);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int len, void *arg)
{
    struct control *control = arg;
    struct timeval timeout = {.tv_sec = CONTROL_TIMEOUT};
    struct control_question *question;

    (void)address;
    (void)len;
    if (control->clients == CONTROL_CLIENTS_MAX) {
        close(fd);
        return;
    }
    question = xcalloc(1, sizeof(*question));
    question->control = control;
    question->client = bufferevent_socket_new(evconnlistener_get_base(listener), fd,
                                              BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    question->overdue =
        memory_check(evtimer_new(evconnlistener_get_base(listener), on_overdue, question));
    control->clients++;
    LIST_INSERT_HEAD(&control->questions, question, entry);
    bufferevent_setcb(question->client, on_readable, NULL, on_event, question);
    bufferevent_set_timeouts(question->client, &timeout, &timeout);
    bufferevent_enable(question->client, EV_READ | EV_WRITE);
}

struct control *control_new(struct event_base *base, const char *state_dir, control_ask *ask,
                            void *arg, char **why)
{
    struct control *control = xcalloc(1, sizeof(*control));
    struct sockaddr_un address;
    mode_t mask;

    LIST_INIT(&control->questions);
    control->ask = ask;
    control->arg = arg;
    if (!address_for(state_dir, &address)) {
        *why = xasprintf("%s/control.sock: the path is too long for a socket; choose a shorter "
                         "state_dir",
                         state_dir);
        free(control);
        return NULL;
    }
    unlink(address.sun_path); /* the ledger's lock says that nobody else runs here */
    mask = umask(0177);
    control->listener = evconnlistener_new_bind(base, on_accept, control,
                                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 8,
                                                (struct sockaddr *)&address, (int)sizeof(address));
    umask(mask);
    if (control->listener == NULL) {
        *why = xasprintf("%s: %s", address.sun_path, strerror(errno));
        free(control);
        return NULL;
    }
    control->path = xstrdup(address.sun_path);
    control->accept_again = evtimer_new(base, on_accept_again, control);
    evconnlistener_set_error_cb(control->listener, on_accept_failed);
    return control;
}

void control_free(struct control *control)
{
    struct control_question *question;

    if (control == NULL)
        return;
    while ((question = LIST_FIRST(&control->questions)) != NULL)
        /* LIST_REMOVE gives the list another first, which clang 14 cannot see. */
        drop_client(question); /* NOLINT(clang-analyzer-unix.Malloc) */
    evconnlistener_free(control->listener);
    event_free(control->accept_again);
    unlink(control->path);
    free(control->path);
    free(control);
}

/* ---- the other side ---- */

static char *read_all(int fd, unsigned seconds, char **why)
{
    char *text = NULL;
    size_t len = 0;
    ssize_t got;

    do {
        text = xrealloc(text, len + 65536);
        got = read(fd, text + len, 65535);
        if (got > 0)
            len += (size_t)got;
    } while (got > 0);
    text[len] = '\0';
    if (got == 0 && len > 0)
        return text;
    if (got == 0)
        *why = xstrdup("the agent closed the connection without a reply");
    else if (errno == EAGAIN)
        *why = xasprintf("the agent did not answer within %u seconds", seconds);
    else
        *why = xasprintf("the reply of the agent was cut short: %s", strerror(errno));
    free(text);
    return NULL;
}

/* -1: *why. */
static int connect_to(const struct sockaddr_un *address, const char *state_dir, unsigned seconds,
                      bool *is_running, char **why)
{
    struct timeval timeout = {.tv_sec = seconds};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    }
    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return fd;
    *is_running = fd < 0 || (errno != ENOENT && errno != ECONNREFUSED);
    if (!*is_running)
        *why = xasprintf("no agent is running with the state directory %s", state_dir);
    else if (fd >= 0 && errno == EAGAIN) /* as many wait as the socket lets wait */
        *why = xasprintf("the agent did not answer within %u seconds", seconds);
    else
        *why = xasprintf("%s: %s", address->sun_path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

char *control_request(const char *state_dir, const char *line, char **why)
{
    bool is_running;

    return control_request_within(state_dir, line, CONTROL_TIMEOUT, &is_running, why);
}

char *control_request_within(const char *state_dir, const char *line, unsigned seconds,
                             bool *is_running, char **why)
{
    struct sockaddr_un address;
    char *question, *text = NULL;
    int fd;

    *is_running = true;
    if (!address_for(state_dir, &address)) {
        *why = xasprintf("%s: the path is too long", state_dir);
        return NULL;
    }
    fd = connect_to(&address, state_dir, seconds, is_running, why);
    if (fd < 0)
        return NULL;
    question = xasprintf("%s\n", line);
    if (send(fd, question, strlen(question), MSG_NOSIGNAL) < 0)
        *why = xasprintf("%s: %s", address.sun_path, strerror(errno));
    else
        text = read_all(fd, seconds, why);
    free(question);
    close(fd);
    return text;
}
