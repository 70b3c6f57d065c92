/*
 * A probe and a good result of it, for tests to spoil, and its verdict. Included
 * after cmocka.h.
 */
#ifndef AGENT_PROBE_VERDICT_PROBE_SCENE_H
#define AGENT_PROBE_VERDICT_PROBE_SCENE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/verdict/verdict.h"
#include "rules/util/memory.h"

#define NOW ((time_t)1795413600) /* 2026-11-23 06:00 UTC */
#define DAY 86400

/* ---- a probe and its good result; tests then change them ---- */

struct scene {
    struct server server;
    struct account account;
    struct probe probe;
    char *expected[3];
    struct probe_result *result;
    struct probe_verdict *verdict;
};

static inline struct endpoint endpoint(enum security security)
{
    return (struct endpoint){.set = true, .security = security, .host = "mail.example.org"};
}

static inline int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof(*scene));

    scene->server = (struct server){.name = "office",
                                    .imap = endpoint(SECURITY_TLS),
                                    .pop3 = endpoint(SECURITY_TLS),
                                    .smtp = endpoint(SECURITY_STARTTLS)};
    scene->account.name = "alice";
    scene->probe = (struct probe){.name = "p",
                                  .type = PROBE_IMAP,
                                  .server = &scene->server,
                                  .account = &scene->account,
                                  .timeout = 10000,
                                  .cert_warn = 21 * DAY,
                                  .cert_crit = 7 * DAY,
                                  .expect_capability = scene->expected,
                                  .folder = "INBOX",
                                  .hysteresis = 0.1,
                                  .lost = DAY};
    assert_null(range_parse("1s", true, &scene->probe.warn));
    assert_null(range_parse("5s", true, &scene->probe.crit));
    *state = scene;
    return 0;
}

static inline int teardown(void **state)
{
    struct scene *scene = *state;

    probe_result_free(scene->result);
    probe_verdict_free(scene->verdict);
    free(scene);
    return 0;
}

static inline void run_took(struct probe_path *path, enum phase phase, uint64_t microseconds)
{
    path->clock.ran[phase] = true;
    path->clock.microseconds[phase] += microseconds;
    path->clock.entered += microseconds;
}

static inline struct probe_path *add_path(struct scene *scene, int family)
{
    struct probe_path *path = &scene->result->paths[scene->result->n_paths++];

    path->family = family;
    strcpy(path->address, family == AF_INET ? "192.0.2.7" : "2001:db8::7");
    run_took(path, PHASE_RESOLVE, 100);
    run_took(path, PHASE_CONNECT, 200);
    path->capabilities = xstrdup("IMAP4REV1 IDLE AUTH=PLAIN");
    path->certificates = xcalloc(1, sizeof(*path->certificates));
    *path->certificates = (struct certificate_chain){.count = 1,
                                                     .sent = 1,
                                                     .verified = true,
                                                     .earliest_expiry = NOW + 63 * DAY,
                                                     .verified_expiry = NOW + 63 * DAY};
    struct certificate *leaf = &path->certificates->members[0];
    *leaf = (struct certificate){.not_before = NOW - 27 * DAY, .not_after = NOW + 63 * DAY};
    strcpy(leaf->subject, "CN=mail.example.org");
    strcpy(leaf->issuer, "CN=Some CA");
    strcpy(leaf->sha256, "00ff");
    strcpy(path->tls_version, "TLSv1.3");
    scene->result->microseconds = phase_clock_total(&path->clock);
    return path;
}

static inline struct probe_path *begin(struct scene *scene, enum probe_type type)
{
    scene->probe.type = type;
    scene->result = probe_result_new(&scene->probe);
    scene->result->at = NOW;
    return add_path(scene, AF_INET);
}

static inline void fails(struct probe_path *path, enum dialogue_end end, enum phase phase,
                         const char *reason, const char *reply)
{
    const struct dialogue_outcome outcome = {
        .end = end, .phase = phase, .reason = reason, .reply = reply};
    struct phase_clock clock = path->clock;

    probe_path_set_outcome(path, &outcome);
    path->clock = clock; /* its times are the test's */
}

static inline void evaluate_held(struct scene *scene, enum probe_status held)
{
    probe_verdict_free(scene->verdict);
    scene->verdict = probe_verdict_new(&scene->probe, scene->result, NOW, held);
}

static inline void assert_verdict(struct scene *scene, enum probe_status status,
                                  const char *summary)
{
    evaluate_held(scene, PROBE_OK);
    assert_string_equal(scene->verdict->summary, summary);
    assert_string_equal(probe_status_text(scene->verdict->status), probe_status_text(status));
}

static inline bool has_detail(const struct scene *scene, const char *line)
{
    for (char **detail = scene->verdict->details; *detail != NULL; detail++)
        if (strcmp(*detail, line) == 0)
            return true;
    return false;
}

static inline void assert_detail(const struct scene *scene, const char *line)
{
    if (has_detail(scene, line))
        return;
    for (char **detail = scene->verdict->details; *detail != NULL; detail++)
        print_error("  %s\n", *detail);
    fail_msg("no detail \"%s\"", line);
}

static inline char *plugin_output(const struct scene *scene, int verbosity)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    nagios_write(out, &scene->probe, scene->verdict, verbosity);
    fclose(out);
    /* A copy: gcc 12 takes what open_memstream() stores in text for a pointer to text itself. */
    char *copy = xstrdup(text);
    free(text);
    return copy;
}

#endif
