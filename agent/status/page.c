#include "agent/status/page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/status/snapshot.h"
#include "imapclient/text/printable.h"

const char page_style[] =
    ":root{color-scheme:light dark;--line:#8886;--ok:#2a7d3c;--warning:#b26a00;--critical:#c22;"
    "--unknown:#777}"
    "@media(prefers-color-scheme:dark){:root{--ok:#5fbf74;--warning:#f0a63c;--critical:#ff6b6b;"
    "--unknown:#aaa}}"
    "body{font:1rem/1.45 system-ui,sans-serif;max-width:75rem;margin:0 auto;padding:1rem}"
    "h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}"
    ".scroll{overflow-x:auto}"
    "table{border-collapse:collapse;min-width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;"
    "border-bottom:1px solid var(--line)}"
    ".number{text-align:right;font-variant-numeric:tabular-nums}"
    ".problems{border-left:.3rem solid var(--critical);padding:.2rem .8rem;margin:1rem 0}"
    ".good{border-left:.3rem solid var(--ok);padding:.2rem .8rem;margin:1rem 0}"
    ".problems ul{margin:.3rem 0;padding-left:1.2rem}"
    "b.ok,b.warning,b.critical,b.unknown{font-weight:600}"
    ".ok{color:var(--ok);fill:var(--ok)}.warning{color:var(--warning);fill:var(--warning)}"
    ".critical{color:var(--critical);fill:var(--critical)}"
    ".unknown{color:var(--unknown);fill:var(--unknown)}"
    ".words{overflow-wrap:anywhere;max-width:34rem}"
    ".plot{display:block;border-bottom:1px solid var(--line)}";

/* ---- text ---- */

void page_text(FILE *out, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        bool safe;
        size_t octets = text_character(text, left, &safe);

        if (!safe)
            fputs("\xef\xbf\xbd", out);
        else if (strchr("&<>\"'", *text) != NULL)
            fprintf(out, "&#%d;", *text);
        else
            fwrite(text, 1, octets, out);
        text += octets;
        left -= octets;
    }
}

static void put_cell(FILE *out, const char *text)
{
    fputs("<td>", out);
    page_text(out, text);
    fputs("</td>", out);
}

static void put_words(FILE *out, const char *text)
{
    fputs("<td class=\"words\">", out);
    page_text(out, text);
    fputs("</td>", out);
}

/* What a row is about. */
static void put_head(FILE *out, const char *text)
{
    fputs("<tr><th scope=\"row\">", out);
    page_text(out, text);
    fputs("</th>", out);
}

static void put_number(FILE *out, uint64_t number)
{
    fprintf(out, "<td class=\"number\">%" PRIu64 "</td>", number);
}

static void put_stamp(FILE *out, time_t at)
{
    char date[32], clock[16];
    struct tm tm;

    if (gmtime_r(&at, &tm) == NULL || strftime(date, sizeof(date), "%Y-%m-%d", &tm) == 0 ||
        strftime(clock, sizeof(clock), "%H:%M:%S", &tm) == 0)
        return;
    fprintf(out, "<time datetime=\"%sT%sZ\">%s %s UTC</time>", date, clock, date, clock);
}

static void put_time_cell(FILE *out, time_t at)
{
    char buffer[SNAPSHOT_AGO_MAX];

    if (at == 0) {
        fputs("<td>-</td>", out);
        return;
    }
    fprintf(out, "<td>%s ago<br><small>", snapshot_ago(buffer, at));
    put_stamp(out, at);
    fputs("</small></td>", out);
}

static void put_state(FILE *out, const char *class, const char *text)
{
    fprintf(out, "<td><b class=\"%s\">", class);
    page_text(out, text);
    fputs("</b></td>", out);
}

/* columns: names with '|' between them; those that begin with '#' hold numbers. */
static void begin_table(FILE *out, const char *title, const char *columns)
{
    fprintf(out, "<h2>%s</h2>\n<div class=\"scroll\"><table><thead><tr>", title);
    while (*columns != '\0') {
        size_t len = strcspn(columns, "|");
        bool number = *columns == '#';

        fprintf(out, "<th scope=\"col\"%s>%.*s</th>", number ? " class=\"number\"" : "",
                (int)len - number, columns + number);
        columns += len + (columns[len] == '|');
    }
    fputs("</tr></thead><tbody>\n", out);
}

static void end_table(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}

/* ---- problems ---- */

struct list {
    FILE *out;
    size_t shown;
};

static void put_trouble(void *arg, const struct problem *trouble)
{
    struct list *list = arg;
    char buffer[SNAPSHOT_AGO_MAX];

    if (list->shown++ >= PAGE_TROUBLES_MAX)
        return;
    fputs("<li><strong>", list->out);
    page_text(list->out, trouble->what);
    if (*trouble->name != '\0') {
        fputc(' ', list->out);
        page_text(list->out, trouble->name);
    }
    fputs("</strong>", list->out);
    if (trouble->since != 0)
        fprintf(list->out, ", for %s", snapshot_ago(buffer, trouble->since));
    fputs(": <span class=\"words\">", list->out);
    page_text(list->out, trouble->text);
    fputs("</span></li>\n", list->out);
}

static void put_troubles(FILE *out, const struct snapshot *snapshot,
                         const struct ledger_target_figures *targets, size_t n_targets)
{
    struct list list = {.out = out};
    size_t count = snapshot_problems(snapshot, targets, n_targets, NULL, NULL);

    if (count == 0) {
        fputs("<p class=\"good\" role=\"status\">No problems.</p>\n", out);
        return;
    }
    fprintf(out, "<section class=\"problems\" role=\"alert\"><h2>Problems: %zu</h2><ul>\n", count);
    snapshot_problems(snapshot, targets, n_targets, put_trouble, &list);
    if (count > PAGE_TROUBLES_MAX)
        fprintf(out, "<li>and %zu more</li>\n", count - PAGE_TROUBLES_MAX);
    fputs("</ul></section>\n", out);
}

/* ---- probes ---- */

static const char *status_class(enum probe_status status)
{
    static const char *const classes[] = {"ok", "warning", "critical", "unknown"};

    return classes[status];
}

static void put_probe_state(FILE *out, const struct probe_view *probe)
{
    if (probe->ran_at == 0)
        put_state(out, "unknown", probe->running ? "running for the first time" : "not run yet");
    else if (probe->in_maintenance)
        put_state(out, "unknown", "maintenance");
    else
        put_state(out, status_class(probe->state->shown), probe_status_text(probe->state->shown));
}

static void put_probes(FILE *out, const struct snapshot *snapshot)
{
    if (snapshot_probes(snapshot) == 0)
        return;
    begin_table(out, "Probes",
                "Probe|Type|State|Last result|Last run|Last OK|#Runs|#Not OK|Durations");
    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);

        put_head(out, probe.probe->name);
        put_cell(out, probe_type_text(probe.probe->type));
        put_probe_state(out, &probe);
        put_words(out, probe.verdict != NULL ? probe.verdict->summary : "-");
        put_time_cell(out, probe.ran_at);
        put_time_cell(out, probe.last_ok_at);
        put_number(out, probe.runs);
        put_number(out, probe.failures);
        fputs("<td>", out);
        page_plot(out, probe.points, probe.n_points);
        fputs("</td></tr>\n", out);
    }
    end_table(out);
}

static uint64_t count_rejected(const struct book_counts *counts)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < REJECT_REASONS; i++)
        sum += counts->rejected[i];
    return sum;
}

static void put_roundtrip(FILE *out, const struct probe_view *probe)
{
    const struct book_counts *counts = probe->counts;

    put_head(out, probe->probe->name);
    put_number(out, counts->sent);
    put_number(out, counts->returned);
    put_number(out, counts->late);
    put_number(out, counts->lost);
    put_number(out, counts->uncertain);
    put_number(out, counts->outstanding);
    put_number(out, counts->duplicates);
    put_number(out, count_rejected(counts));
    if (counts->last_duration >= 0)
        fprintf(out, "<td class=\"number\">%.3f s</td>", counts->last_duration);
    else
        fputs("<td class=\"number\">-</td>", out);
    put_cell(out, probe->last_return != NULL ? placement_text(probe->last_return->placement) : "-");
    fputs("</tr>\n", out);
}

static void put_roundtrips(FILE *out, const struct snapshot *snapshot)
{
    bool begun = false;

    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);

        if (probe.counts == NULL)
            continue;
        if (!begun)
            begin_table(out, "Round trips",
                        "Probe|#Sent|#Returned|#Late|#Lost|#Uncertain|#Outstanding|#Duplicates|"
                        "#Rejected|#Last|Found in");
        begun = true;
        put_roundtrip(out, &probe);
    }
    if (begun)
        end_table(out);
}

static void put_reflectors(FILE *out, const struct snapshot *snapshot)
{
    if (snapshot_reflectors(snapshot) == 0)
        return;
    begin_table(out, "Reflectors", "Reflector|State|#Answered|#Refused|#Replayed|#Failed");
    for (size_t i = 0; i < snapshot_reflectors(snapshot); i++) {
        struct reflector_view reflector = probes_reflector_view(snapshot->probes, i);

        put_head(out, reflector.reflector->name);
        put_state(out, reflector.trouble == NULL ? "ok" : "critical",
                  reflector.trouble == NULL ? "listening" : "down");
        put_number(out, reflector.counts.answered);
        put_number(out, reflector.counts.refused);
        put_number(out, reflector.counts.replayed);
        put_number(out, reflector.counts.failed);
        fputs("</tr>\n", out);
    }
    end_table(out);
}

/* ---- monitoring ---- */

static void put_targets(FILE *out, const struct snapshot *snapshot,
                        const struct ledger_target_figures *targets, size_t n_targets)
{
    if (snapshot->n_deliveries == 0)
        return;
    begin_table(out, "Targets", "Target|State|#Delivered|#Pending|#Failed|Oldest pending");
    for (size_t i = 0; i < snapshot->n_deliveries; i++) {
        const char *name = deliver_target(snapshot->deliveries[i])->name;
        const struct ledger_target_figures *figures = snapshot_target(targets, n_targets, name);
        struct deliver_status status;

        deliver_status(snapshot->deliveries[i], &status);
        put_head(out, name);
        put_state(out, status.trouble_since == 0 ? "ok" : "critical",
                  deliver_state_text(status.state));
        put_number(out, figures->delivered);
        put_number(out, figures->pending);
        put_number(out, figures->failed);
        put_time_cell(out, figures->oldest_pending);
        fputs("</tr>\n", out);
    }
    end_table(out);
}

static void put_spool(FILE *out, const struct snapshot *snapshot,
                      const struct ledger_figures *figures)
{
    begin_table(out, "Copies and spool",
                "|#Delivered|#Pending|#Held|#Failed|#Spool, bytes|#Segments|"
                "Oldest pending");
    put_head(out, snapshot->context->config->instance);
    put_number(out, figures->delivered);
    put_number(out, figures->pending);
    put_number(out, figures->held);
    put_number(out, figures->failed_copies);
    put_number(out, figures->spool_bytes);
    put_number(out, figures->spool_segments);
    put_time_cell(out, figures->oldest_pending);
    fputs("</tr>\n", out);
    end_table(out);
}

/* Since the agent started. */
static void put_messages(FILE *out, const struct context *context)
{
    begin_table(out, "Messages since the start",
                "|#Examined|#Captured|#Not wanted|#Exempt|#Undecided, copied|#Undecided, skipped|"
                "#Vanished|#Not fetched|#Failed");
    put_head(out, context->config->instance);
    put_number(out, context->count.seen);
    put_number(out, context->count.captured);
    put_number(out, context->count.not_wanted);
    put_number(out, context->count.exempt);
    put_number(out, context->count.undecided_copied);
    put_number(out, context->count.undecided_skipped);
    put_number(out, context->count.vanished);
    put_number(out, context->count.unfetched);
    put_number(out, context->count.failed);
    fputs("</tr>\n", out);
    end_table(out);
}

static size_t count_folders(const struct account_watch *account)
{
    size_t folders = 0;

    for (size_t w = 0; w < account_watch_count(account); w++)
        folders += watch_folder_count(account_watch_nth(account, w));
    return folders;
}

static void put_account(FILE *out, const struct account_watch *account,
                        const struct watch_status *status)
{
    put_head(out, account_watch_account(account)->name);
    put_cell(out, account_watch_account(account)->address);
    put_cell(out, account_watch_account(account)->monitor ? "yes" : "no");
    put_state(out,
              status->trouble_since != 0     ? "critical"
              : snapshot_missed(account) > 0 ? "warning"
                                             : "ok",
              watch_state_text(status->state));
    put_cell(out, watch_mode_text(status->mode));
    put_number(out, count_folders(account));
    fputs("<td>", out);
    for (char *const *missing = account_watch_missing(account); *missing != NULL; missing++) {
        page_text(out, *missing);
        fputs(missing[1] != NULL ? ", " : "", out);
    }
    fputs("</td></tr>\n", out);
}

static void put_accounts(FILE *out, const struct snapshot *snapshot)
{
    size_t shown = 0;

    if (snapshot->n_accounts == 0)
        return;
    begin_table(out, "Accounts",
                "Account|Address|Selected|State|Notified by|#Folders|Folders not found");
    for (int troubled = 1; troubled >= 0; troubled--) {
        for (size_t i = 0; i < snapshot->n_accounts && shown < PAGE_ACCOUNTS_MAX; i++) {
            struct watch_status status;

            snapshot_account(snapshot->accounts[i], &status);
            if ((status.trouble_since != 0) != (troubled != 0))
                continue;
            put_account(out, snapshot->accounts[i], &status);
            shown++;
        }
    }
    end_table(out);
    if (snapshot->n_accounts > shown)
        fprintf(out, "<p>And %zu more: <code>mailvigil status</code> shows all.</p>\n",
                snapshot->n_accounts - shown);
}

void page_write(FILE *out, const struct snapshot *snapshot, const struct ledger_figures *figures,
                const struct ledger_target_figures *targets, size_t n_targets)
{
    char buffer[SNAPSHOT_AGO_MAX];

    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    page_text(out, snapshot->context->config->instance);
    fprintf(out, " - mailvigil</title>\n<style>%s</style>\n</head>\n<body>\n<header><h1>",
            page_style);
    page_text(out, snapshot->context->config->instance);
    fprintf(out, "</h1>\n<p>mailvigil %s, running for %s</p></header>\n<main>\n", MAILVIGIL_VERSION,
            snapshot_ago(buffer, snapshot->started));
    put_troubles(out, snapshot, targets, n_targets);
    put_probes(out, snapshot);
    put_roundtrips(out, snapshot);
    put_reflectors(out, snapshot);
    put_targets(out, snapshot, targets, n_targets);
    put_messages(out, snapshot->context);
    put_spool(out, snapshot, figures);
    put_accounts(out, snapshot);
    fputs("</main>\n<footer><p><a href=\"metrics\">metrics</a> "
          "<a href=\"status.json\">status.json</a></p></footer>\n</body>\n</html>\n",
          out);
}
