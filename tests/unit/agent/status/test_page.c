/* The page is well-formed whatever names and replies hold, says first what is wrong, and its style
 * sheet is the one that the policy lets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "agent/status/fake_snapshot.h"

#define HOSTILE "</td><script>alert(1)</script>\" onload='x' &amp; \x01\xff\n\xc3\xbc"
#define ESCAPED                                                                                    \
    "&#60;/td&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#34; onload=&#39;x&#39; &#38;amp; "    \
    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xc3\xbc"

/* Tags are closed in their order, attributes are known, and nothing leads elsewhere. */
#define READER                                                                                     \
    "/usr/bin/python3 -c '\n"                                                                      \
    "import sys, html.parser\n"                                                                    \
    "void, open_ = {\"meta\", \"rect\", \"br\"}, []\n"                                             \
    "class Reader(html.parser.HTMLParser):\n"                                                      \
    "    def handle_starttag(self, tag, attributes):\n"                                            \
    "        assert tag != \"script\" and tag != \"link\", tag\n"                                  \
    "        for key, value in attributes:\n"                                                      \
    "            assert key not in (\"src\", \"style\") and not key.startswith(\"on\"), key\n"     \
    "            assert \"//\" not in value, value\n"                                              \
    "        if tag not in void: open_.append(tag)\n"                                              \
    "    def handle_startendtag(self, tag, attributes):\n"                                         \
    "        assert tag == \"rect\", tag\n"                                                        \
    "    def handle_endtag(self, tag):\n"                                                          \
    "        assert open_.pop() == tag, (tag, open_)\n"                                            \
    "Reader().feed(sys.stdin.buffer.read().decode())\n"                                            \
    "assert not open_, open_'"

static char *write_page(struct fake *fake)
{
    struct written written;

    page_write(written_begin(&written), &fake->snapshot, &fake->figures, fake->targets,
               fake->n_targets);
    char *text = written_end(&written);
    assert_read_by(READER, text);
    return text;
}

static void assert_order(const char *text, const char *first, const char *second)
{
    assert_has(text, first);
    assert_has(text, second);
    if (strstr(text, first) > strstr(text, second))
        fail_msg("\"%s\" stands behind \"%s\"", first, second);
}

static void without_problems(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    fake.snapshot.probes = NULL;
    char *text = write_page(&fake);
    assert_has(text, "No problems.");
    assert_has(text, "<title>example.org - mailvigil</title>");
    assert_has(text, ">alice</th>");
    assert_has(text, ">compliance</th>");
    assert_has_not(text, "<h2>Probes</h2>");
    free(text);
}

static void problems_come_first(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    struct probe_verdict verdict = {.status = PROBE_CRITICAL, .summary = "auth failed: NO"};
    struct probe_verdict good = {.status = PROBE_OK, .summary = "0.1 s"};
    struct probe_view *raised = fake_probe(&fake, "raised", PROBE_IMAP);
    struct probe_view *held = fake_probe(&fake, "held", PROBE_IMAP);
    struct probe_view *quiet = fake_probe(&fake, "quiet", PROBE_IMAP);
    raised->verdict = quiet->verdict = &verdict;
    held->verdict = &good;
    quiet->in_maintenance = true;
    raised->ran_at = held->ran_at = quiet->ran_at = time(NULL);
    fake.probes.states[0].shown = fake.probes.states[1].shown = PROBE_CRITICAL;
    fake.probes.states[2].shown = PROBE_CRITICAL;
    fake_reflector(&fake, "scout")->trouble = "cannot sign in";
    fake.accounts[0].watches[0].status.trouble = "connection refused";
    fake.accounts[0].watches[0].status.trouble_since = time(NULL) - 300;
    fake.deliveries[0].status.trouble = "quota exceeded";
    fake.deliveries[0].status.trouble_since = time(NULL) - 300;
    fake.snapshot.reload_trouble = "line 3: unknown key";
    fake.ledger.blocked = "the disk is full";
    char *text = write_page(&fake);
    assert_has(text, "<h2>Problems: 7</h2>"); /* one is in maintenance */
    assert_order(text, "the disk is full", "unknown key");
    assert_order(text, "unknown key", "connection refused");
    assert_order(text, "connection refused", "quota exceeded");
    assert_order(text, "quota exceeded", "CRITICAL: auth failed: NO");
    assert_has(text, "CRITICAL, though the last result is OK: 0.1 s");
    assert_order(text, "cannot sign in", "<h2>Probes</h2>");
    assert_has(text, ">maintenance</b>");
    free(text);
}

static void names_and_replies_are_escaped(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    struct probe_verdict verdict = {.status = PROBE_WARNING, .summary = HOSTILE};
    struct book_counts counts = {.sent = 3, .last_duration = 1.5};
    struct probe_view *view = fake_probe(&fake, HOSTILE, PROBE_ROUNDTRIP);
    view->verdict = &verdict;
    view->counts = &counts;
    view->trouble = HOSTILE;
    fake.probes.states[0].shown = PROBE_WARNING;
    fake_reflector(&fake, HOSTILE)->trouble = HOSTILE;
    fake.config.instance = HOSTILE;
    fake.accounts[0].account.name = fake.accounts[0].account.address = HOSTILE;
    fake.accounts[0].missing[0] = fake.accounts[0].missing[1] = HOSTILE;
    fake.accounts[0].watches[0].status.trouble = HOSTILE;
    fake.accounts[0].watches[0].status.trouble_since = 1;
    fake.deliveries[0].target.name = HOSTILE;
    fake.deliveries[0].status.trouble = HOSTILE;
    fake.deliveries[0].status.trouble_since = 1;
    fake.snapshot.reload_trouble = HOSTILE;
    char *text = write_page(&fake);
    assert_has(text, ESCAPED);
    assert_has_not(text, "<script");
    assert_has_not(text, "onload='");
    free(text);
}

static void many_troubles_and_accounts_are_counted(void **state)
{
    (void)state;
    struct fake fake;
    size_t n = PAGE_ACCOUNTS_MAX + 20;
    fake_make(&fake);
    struct account_watch **list = xcalloc(n, sizeof(*list));
    struct account_watch *accounts = xcalloc(n, sizeof(*accounts));
    for (size_t i = 0; i < n; i++) {
        accounts[i] = fake.accounts[0];
        list[i] = &accounts[i];
        if (i >= n - PAGE_TROUBLES_MAX - 5)
            accounts[i].watches[0].status.trouble_since = 1;
    }
    accounts[n - 1].account.name = "last-one";
    fake.snapshot.accounts = list;
    fake.snapshot.n_accounts = n;
    char *text = write_page(&fake);
    assert_has(text, "<h2>Problems: 105</h2>");
    assert_has(text, "<li>and 5 more</li>");
    assert_has(text, "And 20 more:");
    assert_has(text, ">last-one</th>"); /* the last of the list, and yet shown: it is troubled */
    free(text);
    free(accounts);
    free(list);
}

static const struct {
    const char *label;
    struct probe_point points[4];
    size_t n;
    const char *title, *part;
} plots[] = {
    {"none", {{0}}, 0, "<title>0 results, 0 of them not OK, the longest 0.000 s</title>", "</svg>"},
    {"one",
     {{.seconds = .5f}},
     1,
     "1 results, 0 of them not OK, the longest 0.500 s",
     "class=\"ok\" x=\"238\" y=\"4.0\" width=\"2\" height=\"20.0\""},
    {"failed",
     {{.seconds = 1}, {.seconds = -1, .status = PROBE_CRITICAL}},
     2,
     "2 results, 1 of them not OK, the longest 1.000 s",
     "class=\"critical\" x=\"238\" y=\"0.0\" width=\"2\" height=\"24.0\""},
    {"zero", {{.seconds = 0}}, 1, "the longest 0.000 s", "height=\"1.0\""},
    {"not a number", {{.seconds = NAN}}, 1, "the longest 0.000 s", "height=\"24.0\""},
    {"no such state", {{.seconds = 1, .status = 77}}, 1, "1 of them not OK", "class=\"unknown\""},
};

static void plots_show_durations_and_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(plots) / sizeof(*plots); i++) {
        struct written written;
        page_plot(written_begin(&written), plots[i].points, plots[i].n);
        char *text = written_end(&written);
        assert_has(text, plots[i].title);
        assert_has(text, plots[i].part);
        assert_has_not(text, "nan");
        free(text);
    }
}

static void a_plot_shows_the_last_points(void **state)
{
    (void)state;
    struct probe_point points[PROBE_POINTS + 3];
    for (size_t i = 0; i < PROBE_POINTS + 3; i++)
        points[i] = (struct probe_point){.seconds = i < 3 ? 1000.f : 1.f};
    struct written written;
    page_plot(written_begin(&written), points, PROBE_POINTS + 3);
    char *text = written_end(&written);
    assert_has(text, "120 results, 0 of them not OK, the longest 1.000 s");
    assert_has(text, " x=\"0\" ");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_problems),
        cmocka_unit_test(problems_come_first),
        cmocka_unit_test(names_and_replies_are_escaped),
        cmocka_unit_test(many_troubles_and_accounts_are_counted),
        cmocka_unit_test(plots_show_durations_and_failures),
        cmocka_unit_test(a_plot_shows_the_last_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
