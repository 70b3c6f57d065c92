/* Implicit TLS and STARTTLS: what is accepted, what is refused, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "imapclient/scripted_client.h"

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
     "closed TLS tls: the server's certificate is for another name than 127.0.0.1"},
    {"for a name that looks like the address", false, "DNS:127.0.0.1", -DAY, DAY,
     "closed TLS tls: the server's certificate is for another name than 127.0.0.1"},
    {"of an unknown CA", true, "IP:127.0.0.1", -DAY, DAY,
     "closed TLS tls: the server's certificate was issued by an unknown CA"},
    {"expired", false, "IP:127.0.0.1", -DAY, -3600,
     "closed TLS tls: the server's certificate has expired"},
    {"not yet valid", false, "IP:127.0.0.1", 3600, DAY,
     "closed TLS tls: the server's certificate is not yet valid"},
};

static SSL_CTX *trusting(void)
{
    char *why;
    SSL_CTX *context = imap_tls_context_new(scripted_ca_file(ca), &why);
    assert_non_null(context);
    return context;
}

static void present(const struct certificate_case *c, const char *const *script, bool at_once)
{
    struct client client;
    SSL_CTX *trusted = trusting();
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
    static const char *const script[] = {GREETING, SIGN_IN, SIGNED_IN(""), NULL};
    for (size_t i = 0; i < sizeof(certificates) / sizeof(*certificates); i++) {
        present(&certificates[i], script, true);
    }
}

static void test_certificates_with_starttls(void **state)
{
    (void)state;
    /* What was offered in the clear does not count: LOGINDISABLED is gone, PLAIN has come. */
    static const char *const script[] = {"S * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi",
                                         "C STARTTLS",
                                         "T OK go",
                                         "TLS",
                                         "C CAPABILITY",
                                         "S * CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN",
                                         "T OK done",
                                         SIGN_IN,
                                         SIGNED_IN(""),
                                         NULL};
    for (size_t i = 0; i < sizeof(certificates) / sizeof(*certificates); i++) {
        present(&certificates[i], script, false);
    }
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
    {"PREAUTH, behind which no STARTTLS is possible",
     {"S * PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi"},
     "closed PROTOCOL greeting: the server greets with PREAUTH"},
    {"a whole reply injected behind the OK",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go",
      "S * CAPABILITY IMAP4rev1 AUTH=PLAIN"},
     "closed PROTOCOL capability: there was more after the answer to STARTTLS"},
    {"half a reply injected behind the OK",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go", "R V2"},
     "closed PROTOCOL capability: there was more after the answer to STARTTLS"},
    {"the clear text goes on instead of a handshake",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go", "L 5",
      "S * OK plain again"},
     "closed TLS tls: the server does not speak TLS here"},
    {"the end instead of a handshake",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go", "L 5", "CLOSE"},
     "closed TLS tls"},
    {"silence instead of a handshake",
     {"S * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C STARTTLS", "T OK go", "L 5", "HOLD"},
     "closed TIMEOUT tls: no answer in the TLS handshake within 1 seconds"},
};

static void test_starttls_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        print_message("  %s\n", refusals[i].title);
        struct client client;
        SSL_CTX *trusted = trusting();
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

static void ask_resync(struct client *client)
{
    static const struct imap_resync known = {.uidvalidity = 7, .modseq = 90};
    imap_examine(client->session, "INBOX", &known, client_selected,
                 client_named(client, "examine"));
}

static void test_what_was_told_in_the_clear_is_forgotten(void **state)
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
                                         SIGN_IN,
                                         SIGNED_IN(""),
                                         "C EXAMINE INBOX",
                                         "T OK opened",
                                         NULL};
    struct client client;
    SSL_CTX *trusted = trusting();
    SSL_CTX *server = scripted_ca_server(ca, "IP:127.0.0.1", -DAY, DAY);
    client_init(&client);
    client.options.security = IMAP_SECURITY_STARTTLS;
    client.options.tls = trusted;
    client.on_ready = ask_resync;
    client_serve_tls(&client, script, server, false);
    client_start(&client);
    client_await(&client, "examine: OK");
    assert_string_equal(imap_session_server_id(client.session), "");
    client_finish(&client);
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
}

static void test_clear_text_behind_tls_port(void **state)
{
    (void)state;
    static const char *const script[] = {GREETING, NULL};
    struct client client;
    SSL_CTX *trusted = trusting();
    client_init(&client);
    client.options.security = IMAP_SECURITY_TLS;
    client.options.tls = trusted;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "closed TLS tls: the server does not speak TLS here");
    client_abandon(&client);
    SSL_CTX_free(trusted);
}

static void test_old_tls_refused(void **state)
{
    (void)state;
    static const char *const script[] = {GREETING, NULL};
    struct client client;
    SSL_CTX *trusted = trusting();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates_with_implicit_tls),
        cmocka_unit_test(test_certificates_with_starttls),
        cmocka_unit_test(test_starttls_refusals),
        cmocka_unit_test(test_what_was_told_in_the_clear_is_forgotten),
        cmocka_unit_test(test_clear_text_behind_tls_port),
        cmocka_unit_test(test_old_tls_refused),
        cmocka_unit_test(test_ca_file_missing),
    };
    return cmocka_run_group_tests(tests, make_cas, free_cas);
}
