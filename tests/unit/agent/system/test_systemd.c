/* What the service manager receives, read from sockets like its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/system/systemd.h"
#include "in_range.h"

struct manager {
    char dir[64], path[96];
    int fd;
};

/* Listens on path; "@" means the NUL of an abstract address. */
static void listen_at(struct manager *manager, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 5};
    size_t len = strlen(path);

    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(manager->fd >= 0);
    setsockopt(manager->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(bind(manager->fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    setenv("NOTIFY_SOCKET", path, 1);
}

static int setup(void **state)
{
    struct manager *manager = calloc(1, sizeof(*manager));
    assert_non_null(manager);
    strcpy(manager->dir, "/tmp/mailvigil-test-XXXXXX");
    assert_non_null(mkdtemp(manager->dir));
    snprintf(manager->path, sizeof(manager->path), "%s/notify", manager->dir);
    manager->fd = -1;
    *state = manager;
    return 0;
}

static int teardown(void **state)
{
    struct manager *manager = *state;
    if (manager->fd >= 0)
        close(manager->fd);
    unlink(manager->path);
    rmdir(manager->dir);
    free(manager);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

/* The next datagram as text, "" if there is none now. */
static const char *receive(struct manager *manager, char text[256], int flags)
{
    ssize_t got = recv(manager->fd, text, 255, flags);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static void one_datagram_a_state(void **state)
{
    struct manager *manager = *state;
    char text[256];
    listen_at(manager, manager->path);
    service_notify("READY=1\nSTATUS=10 accounts");
    service_notify("STOPPING=1");
    assert_string_equal(receive(manager, text, 0), "READY=1\nSTATUS=10 accounts");
    assert_string_equal(receive(manager, text, 0), "STOPPING=1");
    assert_string_equal(receive(manager, text, MSG_DONTWAIT), "");
}

static void an_abstract_address(void **state)
{
    struct manager *manager = *state;
    char text[256], name[64];
    snprintf(name, sizeof(name), "@mailvigil-test-%ld", (long)getpid());
    listen_at(manager, name);
    service_notify("READY=1");
    assert_string_equal(receive(manager, text, 0), "READY=1");
}

static void a_path_as_long_as_an_address(void **state)
{
    struct manager *manager = *state;
    char text[256], name[sizeof((struct sockaddr_un *)0)->sun_path];
    memset(name, 'x', sizeof(name));
    snprintf(name, sizeof(name), "@mailvigil-test-%ld-", (long)getpid());
    name[strlen(name)] = 'x';
    name[sizeof(name) - 1] = '\0';
    listen_at(manager, name);
    service_notify("READY=1");
    assert_string_equal(receive(manager, text, 0), "READY=1");
}

static void reloading_tells_the_time(void **state)
{
    struct manager *manager = *state;
    char text[256];
    long long reported = 0;
    struct timespec before, after;
    listen_at(manager, manager->path);
    clock_gettime(CLOCK_MONOTONIC, &before);
    service_reloading();
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_int_equal(
        sscanf(receive(manager, text, 0), "RELOADING=1\nMONOTONIC_USEC=%lld", &reported), 1);
    assert_true(reported >= before.tv_sec * 1000000 + before.tv_nsec / 1000);
    assert_true(reported <= after.tv_sec * 1000000 + after.tv_nsec / 1000);
}

/* Nothing to be seen but that they return; descriptors are not lost. */
static void without_a_manager_nothing_happens(void **state)
{
    struct manager *manager = *state;
    char long_path[200];
    memset(long_path, 'x', sizeof(long_path));
    long_path[0] = '/';
    long_path[sizeof(long_path) - 1] = '\0';
    const char *const addresses[] = {
        NULL, "", "relative", "vsock:2:1234", "/tmp/mailvigil/none", long_path, "@", "/"};
    int first = dup(0);
    close(first);
    for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        if (addresses[i] == NULL)
            unsetenv("NOTIFY_SOCKET");
        else
            setenv("NOTIFY_SOCKET", addresses[i], 1);
        service_notify("READY=1");
        service_reloading();
    }
    int second = dup(0);
    close(second);
    assert_int_equal(first, second);
    listen_at(manager, manager->path);
    setenv("NOTIFY_SOCKET", "", 1);
    service_notify("READY=1");
    char text[256];
    assert_string_equal(receive(manager, text, MSG_DONTWAIT), "");
}

static void the_watchdog_is_patted_at_half_its_interval(void **state)
{
    struct manager *manager = *state;
    struct event_base *base = event_base_new();
    const struct timeval while_it_runs = {.tv_usec = 550000};
    char text[256], pid[32];
    unsigned pats = 0;
    listen_at(manager, manager->path);
    setenv("WATCHDOG_USEC", "200000", 1);
    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    struct event *event = service_watchdog(base);
    assert_non_null(event);
    event_base_loopexit(base, &while_it_runs);
    event_base_dispatch(base);
    while (strcmp(receive(manager, text, MSG_DONTWAIT), "WATCHDOG=1") == 0)
        pats++;
    assert_string_equal(text, "");
    assert_uint_in_range(pats, 3, 6);
    event_free(event);
    event_base_free(base);
}

static void no_watchdog_of_ours(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{NULL, NULL}, {"0", NULL},    {"", NULL},
                                           {"-5", NULL}, {"soon", NULL}, {"1000000", "1"}};
    struct event_base *base = event_base_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (cases[i][0] != NULL)
            setenv("WATCHDOG_USEC", cases[i][0], 1);
        if (cases[i][1] != NULL)
            setenv("WATCHDOG_PID", cases[i][1], 1);
        if (service_watchdog(base) != NULL)
            fail_msg("case %zu has a watchdog", i);
    }
    event_base_free(base);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_datagram_a_state),
        TEST(an_abstract_address),
        TEST(a_path_as_long_as_an_address),
        TEST(reloading_tells_the_time),
        TEST(without_a_manager_nothing_happens),
        TEST(the_watchdog_is_patted_at_half_its_interval),
        TEST(no_watchdog_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
