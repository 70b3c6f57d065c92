/* Names and addresses: looked up without blocking, tried in turn, and abandoned at any moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/dns.h>

#include "imapclient/scripted_client.h"

static const char *const script[] = {"S * PREAUTH [CAPABILITY IMAP4rev1] hello", NULL};

/* A resolver that knows these lines of a hosts file, and asks nobody who answers. */
static struct evdns_base *resolver(struct event_base *base, const char *hosts)
{
    char path[] = "/tmp/hosts-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fputs(hosts, file);
    fclose(file);
    struct evdns_base *dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    assert_int_equal(evdns_base_load_hosts(dns, path), 0);
    evdns_base_nameserver_ip_add(dns, "127.0.0.1:9");
    evdns_base_set_option(dns, "timeout:", "0.3");
    evdns_base_set_option(dns, "attempts:", "1");
    unlink(path);
    return dns;
}

struct name_case {
    const char *title, *hosts, *name, *expect;
};

static const struct name_case names[] = {
    {"a name with one address", "127.0.0.1 mail.test\n", "mail.test", "ready"},
    {"the first address refuses", "127.0.0.2 mail.test\n127.0.0.1 mail.test\n", "mail.test",
     "ready"},
    {"only loopback addresses are spoken to in the clear", "192.0.2.1 mail.test\n", "mail.test",
     "closed CONNECT connect: cannot connect to mail.test port"},
    {"an address that is not loopback is passed over", "192.0.2.1 mail.test\n127.0.0.1 mail.test\n",
     "mail.test", "ready"},
    {"a name that nobody knows", "127.0.0.1 mail.test\n", "other.test",
     "closed RESOLVE resolve: the name other.test cannot be resolved"},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        print_message("  %s\n", names[i].title);
        struct client client;
        client_init(&client);
        client.dns = resolver(client.base, names[i].hosts);
        client.options.host = names[i].name;
        client_serve(&client, script);
        client_start(&client);
        client_await(&client, names[i].expect);
        client_abandon(&client);
    }
}

static void test_freed_while_looking_up(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.dns = resolver(client.base, "");
    client.options.host = "other.test";
    client.options.port = 143;
    client_start(&client);
    client_settle(&client, 20);
    imap_session_free(client.session);
    client.session = NULL;
    client_settle(&client, 600); /* the look-up ends behind the session's back */
    assert_string_equal(client_log(&client), "");
    client_abandon(&client);
}

static void test_nameserver_is_silent(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.dns = resolver(client.base, "");
    evdns_base_set_option(client.dns, "timeout:", "30");
    client.options.host = "other.test";
    client.options.port = 143;
    client.options.connect_timeout = 1;
    client_start(&client);
    client_await(&client, "closed");
    client_abandon(&client);
}

static void test_no_resolver(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.options.host = "mail.test";
    client.options.port = 143;
    client_start(&client);
    client_await(&client, "closed RESOLVE resolve: the name mail.test cannot be resolved");
    client_abandon(&client);
}

static void test_ipv6_loopback(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.options.host = "::1";
    client.options.port = 9; /* refused or unreachable, but not for being no loopback address */
    client_start(&client);
    client_await(&client, "closed CONNECT connect: cannot connect to ::1 port 9: ");
    assert_false(client_logged(&client, "without TLS"));
    client_abandon(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_freed_while_looking_up),
        cmocka_unit_test(test_nameserver_is_silent),
        cmocka_unit_test(test_no_resolver),
        cmocka_unit_test(test_ipv6_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
