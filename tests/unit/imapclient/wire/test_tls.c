/* Implicit TLS and STARTTLS: what is accepted, what is refused, and with which reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "imapclient/scripted_client.h"
#include "imapclient/util/memory.h"
#include "in_range.h"

#define DAY (24 * 3600L)

static struct scripted_ca *ca, *other_ca;

static int make_cas(void **state)
{
    (void)state;
    ca = scripted_ca_new();
    other_ca = scripted_ca_new();
    return 0;
}

static int free_cas(void **state)
{
    (void)state;
    scripted_ca_free(ca);
    scripted_ca_free(other_ca);
    return 0;
}

struct certificate_case {
    const char *title;
    bool of_other_ca;
    const char *name;
    long begin, end;
    const char *expect;
};

static const struct certificate_case certificates[] = {
    {"a good one", false, "IP:127.0.0.1", -DAY, DAY, "ready"},
    {"for another address", false, "IP:127.0.0.2", -DAY, DAY,
     "closed TLS tls: certificate name mismatch: not valid for 127.0.0.1"},
    {"for a name that looks like the address", false, "DNS:127.0.0.1", -DAY, DAY,
     "closed TLS tls: certificate name mismatch: not valid for 127.0.0.1"},
    {"of an unknown CA", true, "IP:127.0.0.1", -DAY, DAY,
     "closed TLS tls: the server's certificate was issued by an unknown CA"},
    {"expired", false, "IP:127.0.0.1", -DAY, -3600,
     "closed TLS tls: the server's certificate has expired"},
    {"not yet valid", false, "IP:127.0.0.1", 3600, DAY,
     "closed TLS tls: the server's certificate is not yet valid"},
};

static SSL_CTX *trusting_context(void)
{
    char *why;
    SSL_CTX *context = imap_tls_context_new(scripted_ca_file(ca), &why);
    assert_non_null(context);
    return context;
}

static void present(const struct certificate_case *c, const char *const *script, bool at_once)
{
    struct client client;
    SSL_CTX *trusted = trusting_context();
    SSL_CTX *server = scripted_ca_server(c->of_other_ca ? other_ca : ca, c->name, c->begin, c->end);
    print_message("  %s\n", c->title);
    client_init(&client);
    client.options.security = at_once ? IMAP_SECURITY_TLS : IMAP_SECURITY_STARTTLS;
    client.options.tls = trusted;
    client_serve_tls(&client, script, server, at_once);
    client_start(&client);
    client_await(&client, c->expect);
    assert_null(strstr(client_trace(&client), "AGFsaWNl"));
    if (strcmp(c->expect, "ready") == 0) {
        assert_string_equal(imap_session_tls_version(client.session), "TLSv1.3");
        client_finish(&client);
    } else {
        assert_false(client_logged(&client, "ready"));
        client_abandon(&client);
    }
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
}

static void test_certificates_with_implicit_tls(void **state)
{
    (void)state;
    static const char *const script[] = {GREETING, LOG_IN, LOGGED_IN(""), NULL};
    for (size_t i = 0; i < sizeof(certificates) / sizeof(*certificates); i++)
        present(&certificates[i], script, true);
}

static void test_certificates_with_starttls(void **state)
{
    (void)state;
    /* What was offered in plaintext does not count: LOGINDISABLED is gone, PLAIN is new. */
    static const char *const script[] = {"S * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi",
                                         "C STARTTLS",
                                         "T OK go",
                                         "TLS",
                                         "C CAPABILITY",
                                         "S * CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN",
                                         "T OK done",
                                         LOG_IN,
                                         LOGGED_IN(""),
                                         NULL};
    for (size_t i = 0; i < sizeof(certificates) / sizeof(*certificates); i++)
        present(&certificates[i], script, false);
}

struct starttls_case {
    const char *title;
    const char *script[8];
    const char *expect;
};

static const struct starttls_case refusals[] = {
    {"not offered", {GREETING}, "closed TLS capability: the server does not offer STARTTLS"},
    {"refused",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T NO not today"},
     "closed TLS capability: STARTTLS was refused: not today"},
    {"PREAUTH, after which STARTTLS is impossible",
     {"S * PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi"},
     "closed PROTOCOL greeting: the server sent PREAUTH"},
    {"a whole reply injected after the OK",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go",
      "S * CAPABILITY IMAP4rev1 AUTH=PLAIN"},
     "closed PROTOCOL capability: unexpected data after the reply to STARTTLS"},
    {"half a reply injected after the OK",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go", "R V2"},
     "closed PROTOCOL capability: unexpected data after the reply to STARTTLS"},
    {"plaintext instead of a handshake",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go", "L 5",
      "S * OK plain again"},
     "closed TLS tls: the server does not speak TLS on this port"},
    {"closed instead of a handshake",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go", "L 5", "CLOSE"},
     "closed TLS tls"},
    {"silence instead of a handshake",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go", "L 5", "HOLD"},
     "closed TIMEOUT tls: timed out after 1 seconds in the TLS handshake"},
};

static void test_starttls_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        print_message("  %s\n", refusals[i].title);
        struct client client;
        SSL_CTX *trusted = trusting_context();
        client_init(&client);
        client.options.security = IMAP_SECURITY_STARTTLS;
        client.options.tls = trusted;
        client.options.connect_timeout = 1;
        client_serve(&client, refusals[i].script);
        client_start(&client);
        client_await(&client, refusals[i].expect);
        assert_null(strstr(client_trace(&client), "AUTHENTICATE"));
        client_abandon(&client);
        SSL_CTX_free(trusted);
    }
}

/* ---- certificates recorded although they are refused ---- */

struct recorded_case {
    const char *title;
    bool intermediate, of_other_ca;
    long intermediate_end;
    const char *name;
    long begin, end;
    const char *error; /* how it begins; "" when verified */
    size_t count;
    long earliest, verified; /* seconds from now, 0: none */
};

static const struct recorded_case recorded[] = {
    {"a good one", false, false, 0, "IP:127.0.0.1", -DAY, 5 * DAY, "", 1, 5 * DAY, 5 * DAY},
    {"a good one with an intermediate that expires earlier", true, false, 4 * DAY, "IP:127.0.0.1",
     -DAY, 5 * DAY, "", 2, 4 * DAY, 4 * DAY},
    {"a good one that outlives its CA", false, false, 0, "IP:127.0.0.1", -DAY, 90 * DAY, "", 1,
     90 * DAY, 30 * DAY},
    {"expired", false, false, 0, "IP:127.0.0.1", -DAY, -3600,
     "the server's certificate has expired", 1, -3600, 0},
    {"not yet valid", false, false, 0, "IP:127.0.0.1", 3600, DAY,
     "the server's certificate is not yet valid", 1, DAY, 0},
    {"an expired intermediate", true, false, -3600, "IP:127.0.0.1", -DAY, DAY,
     "the server's certificate has expired", 2, -3600, 0},
    {"for another name", false, false, 0, "DNS:mail.test", -DAY, DAY,
     "certificate name mismatch: not valid for 127.0.0.1", 1, DAY, 0},
    {"of an unknown CA", false, true, 0, "IP:127.0.0.1", -DAY, DAY,
     "the server's certificate was issued by an unknown CA", 1, DAY, 0},
    {"of an unknown CA, with an intermediate", true, true, 20 * DAY, "IP:127.0.0.1", -DAY, DAY,
     "the server's certificate was issued by an unknown CA", 2, DAY, 0},
    {"all at once: the reason is the one at which a handshake would stop", false, true, 0,
     "DNS:mail.test", -DAY, -3600, "the server's certificate was issued by an unknown CA", 1, -3600,
     0},
};

static void assert_near(time_t actual, long expected, time_t now)
{
    if (expected == 0)
        assert_int_equal(actual, 0);
    else
        assert_uint_in_range(actual, (uintmax_t)(now + expected - 60), (uintmax_t)(now + expected));
}

static void check_chain(const struct recorded_case *c, const struct certificate_chain *chain)
{
    time_t now = time(NULL) + 1;
    assert_non_null(chain);
    assert_int_equal(chain->count, c->count);
    assert_int_equal(chain->sent, c->count);
    assert_int_equal(chain->verified, *c->error == '\0');
    assert_memory_equal(chain->error, c->error, strlen(c->error));
    assert_int_equal(*chain->error == '\0', chain->verified);
    assert_near(chain->earliest_expiry, c->earliest, now);
    assert_near(chain->verified_expiry, c->verified, now);
    assert_near(chain->members[0].not_before, c->begin, now);
    assert_near(chain->members[0].not_after, c->end, now);
    assert_string_equal(chain->members[0].subject, "CN=scripted server");
    assert_int_equal(strlen(chain->members[0].sha256), 64);
    if (c->intermediate) {
        assert_near(chain->members[1].not_after, c->intermediate_end, now);
        assert_string_equal(chain->members[0].issuer, "CN=scripted intermediate");
        assert_string_equal(chain->members[1].subject, "CN=scripted intermediate");
        assert_string_not_equal(chain->members[0].sha256, chain->members[1].sha256);
    }
}

/* Refused: nothing is sent after the handshake. */
static void record(const struct recorded_case *c, bool at_once)
{
    static const char *const refused_at_once[] = {"END", NULL};
    static const char *const refused_later[] = {
        "S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go", "TLS", "END", NULL};
    static const char *const good_at_once[] = {GREETING, LOG_IN, LOGGED_IN(""), "END", NULL};
    static const char *const good_later[] = {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi",
                                             "C STARTTLS",
                                             "T OK go",
                                             "TLS",
                                             "C CAPABILITY",
                                             "S * CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN",
                                             "T OK done",
                                             LOG_IN,
                                             LOGGED_IN(""),
                                             "END",
                                             NULL};
    bool good = *c->error == '\0';
    const char *const *script =
        at_once ? (good ? good_at_once : refused_at_once) : (good ? good_later : refused_later);
    struct client client;
    SSL_CTX *trusted = trusting_context();
    struct scripted_ca *root = c->of_other_ca ? other_ca : ca;
    struct scripted_ca *issuer =
        c->intermediate ? scripted_ca_intermediate(root, c->intermediate_end) : root;
    SSL_CTX *server = scripted_ca_server(issuer, c->name, c->begin, c->end);
    print_message("  %s%s\n", c->title, at_once ? "" : ", STARTTLS");
    client_init(&client);
    client.options.security = at_once ? IMAP_SECURITY_TLS : IMAP_SECURITY_STARTTLS;
    client.options.tls = trusted;
    client.options.record_certificates = true;
    client_serve_tls(&client, script, server, at_once);
    client_start(&client);
    char *expected = xasprintf(good ? "ready%s" : "closed TLS tls: %s", c->error);
    client_await(&client, expected);
    free(expected);
    check_chain(c, imap_session_certificates(client.session));
    assert_string_equal(imap_session_tls_version(client.session), "TLSv1.3");
    assert_string_equal(
        client.phases,
        at_once
            ? (good ? "resolve connect tls greeting capability auth ready" : "resolve connect tls")
            : (good ? "resolve connect greeting capability tls capability auth ready"
                    : "resolve connect greeting capability tls"));
    if (good) {
        imap_session_free(client.session);
        client.session = NULL;
    }
    client_await_script(&client);
    client_finish(&client);
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
    if (c->intermediate)
        scripted_ca_free(issuer);
}

static void test_certificates_are_recorded_although_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(recorded) / sizeof(*recorded); i++) {
        record(&recorded[i], true);
        record(&recorded[i], false);
    }
}

static void test_chain_longer_than_is_kept(void **state)
{
    (void)state;
    static const char *const script[] = {GREETING, LOG_IN, LOGGED_IN(""), NULL};
    struct client client;
    SSL_CTX *trusted = trusting_context();
    SSL_CTX *server = scripted_ca_server(ca, "IP:127.0.0.1", -DAY, 20 * DAY);
    struct scripted_ca *extra = scripted_ca_intermediate(ca, DAY);
    SSL_CTX *other = scripted_ca_server(extra, "IP:127.0.0.1", -DAY, DAY);
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(other, &chain);
    for (int i = 0; i < CERTIFICATE_CHAIN_MAX + 4; i++)
        SSL_CTX_add1_chain_cert(server, sk_X509_value(chain, 0));
    client_init(&client);
    client.options.security = IMAP_SECURITY_TLS;
    client.options.tls = trusted;
    client.options.record_certificates = true;
    client_serve_tls(&client, script, server, true);
    client_start(&client);
    client_await(&client, "ready");
    const struct certificate_chain *recorded_chain = imap_session_certificates(client.session);
    assert_int_equal(recorded_chain->count, CERTIFICATE_CHAIN_MAX);
    assert_int_equal(recorded_chain->sent, CERTIFICATE_CHAIN_MAX + 5);
    assert_true(recorded_chain->verified);
    client_finish(&client);
    scripted_ca_free(extra);
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
    SSL_CTX_free(other);
}

static void test_nothing_is_recorded_unasked(void **state)
{
    (void)state;
    static const char *const script[] = {GREETING, LOG_IN, LOGGED_IN(""), NULL};
    struct client client;
    SSL_CTX *trusted = trusting_context();
    SSL_CTX *server = scripted_ca_server(ca, "IP:127.0.0.1", -DAY, DAY);
    client_init(&client);
    client.options.security = IMAP_SECURITY_TLS;
    client.options.tls = trusted;
    client_serve_tls(&client, script, server, true);
    client_start(&client);
    client_await(&client, "ready");
    assert_null(imap_session_certificates(client.session));
    client_finish(&client);
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
}

static void send_resync(struct client *client)
{
    static const struct imap_resync known = {.uidvalidity = 7, .modseq = 90};
    imap_examine(client->session, "INBOX", &known, client_selected,
                 client_named(client, "examine"));
}

static void test_what_came_in_plaintext_is_discarded(void **state)
{
    (void)state;
    static const char *const script[] = {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi",
                                         "C STARTTLS",
                                         "S * ENABLED QRESYNC",
                                         "S * ID (\"name\" \"Mallory\")",
                                         "T OK go",
                                         "TLS",
                                         "C CAPABILITY",
                                         "S * CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN",
                                         "T OK done",
                                         LOG_IN,
                                         LOGGED_IN(""),
                                         "C EXAMINE INBOX",
                                         "T OK opened",
                                         NULL};
    struct client client;
    SSL_CTX *trusted = trusting_context();
    SSL_CTX *server = scripted_ca_server(ca, "IP:127.0.0.1", -DAY, DAY);
    client_init(&client);
    client.options.security = IMAP_SECURITY_STARTTLS;
    client.options.tls = trusted;
    client.on_ready = send_resync;
    client_serve_tls(&client, script, server, false);
    client_start(&client);
    client_await(&client, "examine: OK");
    assert_string_equal(imap_session_server_id(client.session), "");
    client_finish(&client);
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
}

static void test_plaintext_on_a_tls_port(void **state)
{
    (void)state;
    static const char *const script[] = {GREETING, NULL};
    struct client client;
    SSL_CTX *trusted = trusting_context();
    client_init(&client);
    client.options.security = IMAP_SECURITY_TLS;
    client.options.tls = trusted;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "closed TLS tls: the server does not speak TLS on this port");
    client_abandon(&client);
    SSL_CTX_free(trusted);
}

static void test_old_tls_refused(void **state)
{
    (void)state;
    static const char *const script[] = {GREETING, NULL};
    struct client client;
    SSL_CTX *trusted = trusting_context();
    SSL_CTX *server = scripted_ca_server(ca, "IP:127.0.0.1", -DAY, DAY);
    SSL_CTX_set_security_level(server, 0);
    SSL_CTX_set_min_proto_version(server, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(server, TLS1_1_VERSION);
    client_init(&client);
    client.options.security = IMAP_SECURITY_TLS;
    client.options.tls = trusted;
    client_serve_tls(&client, script, server, true);
    client_start(&client);
    client_await(&client, "closed TLS tls");
    client_abandon(&client);
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
}

static void test_ca_file_missing(void **state)
{
    (void)state;
    char *why;
    assert_null(imap_tls_context_new("/nonexistent/ca.pem", &why));
    assert_non_null(strstr(why, "/nonexistent/ca.pem: "));
    free(why);
}

static void test_name_that_cannot_be_verified(void **state)
{
    (void)state;
    static const char *const script[] = {"HOLD", NULL};
    char name[301] = {0};
    memset(name, 'a', sizeof(name) - 1);
    for (int with_context = 0; with_context < 2; with_context++) {
        struct client client;
        SSL_CTX *trusted = trusting_context();
        client_init(&client);
        client_serve(&client, script);
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(client.options.port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        client.options.security = IMAP_SECURITY_TLS;
        client.options.tls = with_context != 0 ? trusted : NULL;
        client.options.host = name;
        client.options.address = (struct sockaddr *)&address;
        client.options.address_len = sizeof(address);
        client_start(&client);
        client_await(&client, "closed TLS tls: the server's name cannot be verified");
        client_abandon(&client);
        SSL_CTX_free(trusted);
    }
}

static void test_logout_over_tls_when_freed(void **state)
{
    (void)state;
    static const char *const script[] = {GREETING, LOG_IN, LOGGED_IN(""), "C LOGOUT", "END", NULL};
    struct client client;
    SSL_CTX *trusted = trusting_context();
    SSL_CTX *server = scripted_ca_server(ca, "IP:127.0.0.1", -DAY, DAY);
    client_init(&client);
    client.options.security = IMAP_SECURITY_TLS;
    client.options.tls = trusted;
    client.options.send_logout = true;
    client_serve_tls(&client, script, server, true);
    client_start(&client);
    client_await(&client, "ready");
    imap_session_free(client.session);
    client.session = NULL;
    client_await_script(&client);
    client_finish(&client);
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
}

static void test_freed_in_every_phase(void **state)
{
    (void)state;
    static const char *const script[] = {
        "S * OK hi", "C CAPABILITY", "S * CAPABILITY IMAP4rev1 STARTTLS",
        "T OK done", "C STARTTLS",   "T OK go",
        "TLS",       "C CAPABILITY", "S * CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN",
        "T OK done", LOG_IN,         LOGGED_IN(""),
        NULL};
    static const char *const phases[] = {"phase resolve",    "phase connect", "phase greeting",
                                         "phase capability", "phase tls",     "phase auth",
                                         "phase ready"};
    SSL_CTX *trusted = trusting_context();
    SSL_CTX *server = scripted_ca_server(ca, "IP:127.0.0.1", -DAY, DAY);
    for (size_t i = 0; i < sizeof(phases) / sizeof(*phases); i++) {
        struct client client;
        client_init(&client);
        client.options.security = IMAP_SECURITY_STARTTLS;
        client.options.tls = trusted;
        client.free_at = phases[i];
        client_serve_tls(&client, script, server, false);
        client_start(&client);
        while (client.free_at != NULL)
            event_base_loop(client.base, EVLOOP_ONCE);
        client_settle(&client, 10);
        assert_string_equal(client_log(&client), "");
        client_abandon(&client);
    }
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates_with_implicit_tls),
        cmocka_unit_test(test_certificates_with_starttls),
        cmocka_unit_test(test_starttls_refusals),
        cmocka_unit_test(test_what_came_in_plaintext_is_discarded),
        cmocka_unit_test(test_plaintext_on_a_tls_port),
        cmocka_unit_test(test_old_tls_refused),
        cmocka_unit_test(test_ca_file_missing),
        cmocka_unit_test(test_certificates_are_recorded_although_refused),
        cmocka_unit_test(test_chain_longer_than_is_kept),
        cmocka_unit_test(test_nothing_is_recorded_unasked),
        cmocka_unit_test(test_name_that_cannot_be_verified),
        cmocka_unit_test(test_logout_over_tls_when_freed),
        cmocka_unit_test(test_freed_in_every_phase),
    };
    return cmocka_run_group_tests(tests, make_cas, free_cas);
}
