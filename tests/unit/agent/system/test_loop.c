#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/bufferevent.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/system/loop.h"

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    (void)arg;
    fail_msg("called although the bufferevent was freed");
}

/* Its descriptor is closed, not only its memory freed (which the sanitizer would report). */
static void test_a_deferred_callback_keeps_nothing_open(void **state)
{
    int ends[2];
    struct event_base *base = event_base_new();
    struct bufferevent *bev;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    bev = bufferevent_socket_new(base, ends[0], BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    bufferevent_setcb(bev, NULL, NULL, on_event, NULL);
    bufferevent_trigger_event(bev, BEV_EVENT_ERROR, BEV_TRIG_DEFER_CALLBACKS);
    bufferevent_free(bev);
    loop_free(base);
    assert_int_equal(fcntl(ends[0], F_GETFD), -1);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_deferred_callback_keeps_nothing_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
