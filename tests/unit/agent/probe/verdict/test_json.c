/* Results as programs read them, by a parser that is not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "agent/probe/verdict/probe_scene.h"

/* What Python reads of the expression, in one line. */
static void assert_json(struct scene *scene, const char *show, const char *expected)
{
    char path[] = "/tmp/mailvigil-test-XXXXXX", line[1024] = "";
    FILE *out = fdopen(mkstemp(path), "w");
    struct json json;

    evaluate_held(scene, PROBE_OK);
    json_begin(&json, out);
    json_object(&json, NULL);
    probe_json(&json, &scene->probe, scene->result, scene->verdict);
    json_object_end(&json);
    fclose(out);
    char *command = xasprintf("/usr/bin/python3 -c \"import json,sys;"
                              "v=json.load(open(sys.argv[1]));print((%s))\" %s",
                              show, path);
    FILE *pipe = popen(command, "r");
    if (fgets(line, sizeof(line), pipe) == NULL)
        line[0] = '\0';
    int status = pclose(pipe);
    unlink(path);
    free(command);
    line[strcspn(line, "\n")] = '\0';
    assert_int_equal(status, 0);
    assert_string_equal(line, expected);
}

static void json_tells_everything(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);

    path->imap = (struct probe_imap_facts){.messages = 7, .newest = NOW};
    add_path(scene, AF_INET6);
    fails(&scene->result->paths[1], DIALOGUE_AUTH, PHASE_AUTH, "rejected", "NO \"x\"");
    assert_json(scene, "v['probe'],v['type'],v['server'],v['status'],v['phase'],v['reply']",
                "('p', 'imap', 'office', 'CRITICAL', 'auth', 'NO \"x\"')");
    assert_json(scene, "[(p['family'],p['success'],p['phase'],p['seconds']) for p in v['paths']]",
                "[('ipv4', True, 'none', 0.0003), ('ipv6', False, 'auth', 0.0003)]");
    assert_json(scene, "v['paths'][0]['phases'],v['at'],v['trouble']",
                "({'resolve': 0.0001, 'connect': 0.0002}, '2026-11-23T06:00:00Z', None)");
    assert_json(scene, "v['paths'][0]['certificates']['members'][0]['not_after']",
                "2027-01-25T06:00:00Z");
    assert_json(scene, "v['mailbox']['messages'],v['mailbox']['newest']",
                "(7, '2026-11-23T06:00:00Z')");
    assert_json(scene, "v['perfdata'][0]",
                "{'label': 'time', 'value': 0.0003, 'unit': 's', 'warn': '1', 'crit': '5'}");
}

static void json_of_a_round_trip(void **state)
{
    struct scene *scene = *state;
    begin(scene, PROBE_ROUNDTRIP);
    scene->result->has_roundtrip = true;
    scene->result->roundtrip.verdict = ROUNDTRIP_LOST;
    assert_json(scene, "v['roundtrip']['verdict'],v['roundtrip']['seconds']", "('lost', None)");
    scene->result->roundtrip.has_delays = true;
    scene->result->roundtrip.delay_max[2] = 1.5;
    assert_json(scene, "v['roundtrip']['legs']['back']", "{'min': 0, 'max': 1.5}");
    assert_json(scene, "v['roundtrip']['authentication']",
                "{'spf': 'absent', 'dkim': 'absent', 'dmarc': 'absent'}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(json_tells_everything),
        TEST(json_of_a_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
