#include "agent/command/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "agent/command/report.h"
#include "agent/command/standing.h"
#include "agent/config/syntax/units.h"
#include "agent/ledger/plan.h"
#include "agent/util/json.h"
#include "imapclient/text/printable.h"
#include "rules/util/memory.h"

#define PROBLEMS_MAX 20 /* that are shown to people */
#define WIDTH_MAX 60    /* a wider name breaks the alignment of its own line only */

/* What of the ledger is asked for. */
struct asked {
    const char *account;
    time_t since, last_seen;
    bool exempt;
    struct standing standing;
};

struct printing {
    FILE *out;
    struct json json;
    int account, folder, uids, state; /* widths */
    bool any;                         /* lines */
    bool exempt;                      /* only exempt messages */
    uint64_t messages;                /* of the lines that were printed */
};

static const char head_account[] = "ACCOUNT", head_folder[] = "FOLDER",
                  head_uids[] = "UIDVALIDITY/UID", head_state[] = "STATE";

/* ---- lines for people ---- */

static void grow(int *width, size_t len)
{
    if (len <= WIDTH_MAX && (int)len > *width)
        *width = (int)len;
}

static void uids_text(const struct report_line *line, char text[64])
{
    if (line->first_uid == line->last_uid)
        snprintf(text, 64, "%" PRIu32 "/%" PRIu32, line->uidvalidity, line->first_uid);
    else
        snprintf(text, 64, "%" PRIu32 "/%" PRIu32 ":%" PRIu32, line->uidvalidity, line->first_uid,
                 line->last_uid);
}

static bool is_asked(const struct printing *printing, const struct report_line *line)
{
    return !printing->exempt || line->state == UID_EXEMPT;
}

static void measure(void *arg, const struct report_line *line)
{
    struct printing *printing = arg;
    char uids[64];
    if (!is_asked(printing, line))
        return;
    uids_text(line, uids);
    printing->any = true;
    grow(&printing->account, strlen(line->account));
    grow(&printing->folder, strlen(line->folder));
    grow(&printing->uids, strlen(uids));
    grow(&printing->state, strlen(uid_state_text(line->state)));
}

/* Names and reasons come from servers: no control characters reach a terminal. */
static void put(FILE *out, const char *text, int width)
{
    char *printable = xstrdup(text);

    text_printable(printable, PRINTABLE_UTF8);
    fprintf(out, "%-*s", width, printable);
    free(printable);
}

static void print_head(struct printing *printing)
{
    grow(&printing->account, strlen(head_account));
    grow(&printing->folder, strlen(head_folder));
    grow(&printing->uids, strlen(head_uids));
    grow(&printing->state, strlen(head_state));
    fprintf(printing->out, "%-21s", "WHEN (UTC)");
    put(printing->out, head_account, printing->account + 2);
    put(printing->out, head_folder, printing->folder + 2);
    put(printing->out, head_uids, printing->uids + 2);
    put(printing->out, head_state, printing->state + 2);
    fputs("COPY OR REASON\n", printing->out);
}

static void put_named(FILE *out, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    fprintf(out, "  %s", name);
    put(out, text, 0);
}

/* The conditions in doubt for which the copy was made, a new string; NULL: it is certain. */
static char *undecided_in(const struct report_line *line)
{
    struct plan *plan = plan_parse(line->plan);
    char *undecided = plan->undecided;
    plan->undecided = NULL;
    plan_free(plan);
    return undecided;
}

static void print_undecided(FILE *out, const struct report_line *line)
{
    char *undecided = undecided_in(line);
    if (undecided != NULL)
        put_named(out, "undecided: ", undecided);
    free(undecided);
}

static void print_line(void *arg, const struct report_line *line)
{
    struct printing *printing = arg;
    FILE *out = printing->out;
    char uids[64], at[32];
    struct tm utc;
    if (!is_asked(printing, line))
        return;
    printing->messages += (uint64_t)line->last_uid - line->first_uid + 1;
    uids_text(line, uids);
    strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S", gmtime_r(&line->at, &utc));
    fprintf(out, "%s  ", at);
    put(out, line->account, printing->account + 2);
    put(out, line->folder, printing->folder + 2);
    put(out, uids, printing->uids + 2);
    put(out, uid_state_text(line->state),
        line->target[0] == '\0' && line->reason[0] == '\0' && line->duplicate_of[0] == '\0'
            ? 0
            : printing->state);
    if (line->target[0] != '\0') {
        put_named(out, "", line->copy_state);
        put_named(out, "target=", line->target);
        put_named(out, "folder=", line->target_folder);
        if (line->target_uid != 0)
            fprintf(out, " %" PRIu32 "/%" PRIu32, line->target_uidvalidity, line->target_uid);
        print_undecided(out, line);
    }
    put_named(out, "of ", line->duplicate_of);
    put_named(out, "reason: ", line->reason);
    fputc('\n', out);
}

/* ---- the summary ---- */

static bool is_complete(const struct ledger_figures *figures)
{
    return figures->pending == 0 && figures->failed_copies == 0 &&
           figures->states[UID_UNFETCHED] == 0 && figures->states[UID_FAILED] == 0;
}

static void print_if(FILE *out, uint64_t n, const char *one, const char *many)
{
    if (n > 0)
        fprintf(out, "  %" PRIu64 " %s\n", n, n == 1 ? one : many);
}

/* What is neither lost nor plainly right: for the officer to look at. */
static void print_doubts(FILE *out, const struct ledger_figures *figures)
{
    uint64_t skipped = figures->states[UID_UNDECIDED];
    if (figures->undecided > 0)
        fprintf(out,
                "%" PRIu64 " cop%s made because a condition could not be answered for certain "
                "(undecided).\n",
                figures->undecided, figures->undecided == 1 ? "y was" : "ies were");
    if (skipped > 0)
        fprintf(out, "%" PRIu64 " message%s skipped by a rule with undecided = \"skip\".\n",
                skipped, skipped == 1 ? " was" : "s were");
}

static void time_text(time_t at, char text[32])
{
    struct tm utc;
    strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&at, &utc));
}

/* "the agent is not running, so ..."; with a capital if it begins a sentence. */
static void print_stopped(FILE *out, const struct asked *asked, bool begins)
{
    char last[32];
    time_text(asked->last_seen, last);
    fprintf(out, "%che agent is not running, so what has arrived since %s has not been seen.\n",
            begins ? 'T' : 't', asked->last_seen != 0 ? last : "then");
}

static void print_problems(FILE *out, const struct standing *standing)
{
    for (size_t i = 0; i < standing->n && i < PROBLEMS_MAX; i++)
        fprintf(out, "  %s\n", standing->problems[i]);
    if (standing->n > PROBLEMS_MAX)
        fprintf(out, "  and %zu more\n", standing->n - PROBLEMS_MAX);
    fputs("See \"mailvigil status\".\n", out);
}

/* What may be missing in all that was said before. */
static void print_question(FILE *out, const struct asked *asked)
{
    const struct standing *standing = &asked->standing;
    if (standing->agent == STANDING_STOPPED)
        print_stopped(out, asked, true);
    if (standing->n == 0)
        return;
    fprintf(out, "Messages may be missing here, because of %zu problem%s:\n", standing->n,
            standing->n == 1 ? "" : "s");
    print_problems(out, standing);
}

static void print_complete(FILE *out, const struct asked *asked)
{
    const struct standing *standing = &asked->standing;
    if (standing_is_good(standing)) {
        fputs("All wanted copies have been delivered.\n", out);
        return;
    }
    fputs("All wanted copies of the messages seen so far have been delivered", out);
    if (standing->agent == STANDING_STOPPED) {
        fputs("; ", out);
        print_stopped(out, asked, false);
        return;
    }
    fprintf(out, ", but there %s %zu problem%s:\n", standing->n == 1 ? "is" : "are", standing->n,
            standing->n == 1 ? "" : "s");
    print_problems(out, standing);
}

static void print_summary(FILE *out, const struct ledger_figures *figures,
                          const struct asked *asked)
{
    fputs("\nMessages\n", out);
    for (unsigned i = 0; i < UID_STATES; i++)
        if (figures->states[i] > 0)
            fprintf(out, "  %-20s %12" PRIu64 "\n", uid_state_text((enum uid_state)i),
                    figures->states[i]);
    fputs("Copies\n", out);
    fprintf(out, "  %-20s %12" PRIu64 "\n", "delivered", figures->delivered);
    fprintf(out, "  %-20s %12" PRIu64 "\n", "pending", figures->pending);
    fprintf(out, "  %-20s %12" PRIu64 "\n", "failed", figures->failed_copies);
    if (figures->dropped > 0)
        fprintf(out, "  %-20s %12" PRIu64 "\n", "dropped", figures->dropped);
    fputc('\n', out);
    if (is_complete(figures)) {
        print_complete(out, asked);
    } else {
        fputs("Not all wanted copies have been delivered:\n", out);
        print_if(out, figures->pending, "copy is pending", "copies are pending");
        print_if(out, figures->failed_copies, "copy failed; its original is kept",
                 "copies failed; their originals are kept");
        print_if(out, figures->states[UID_UNFETCHED],
                 "message could not be fetched yet and will be retried",
                 "messages could not be fetched yet and will be retried");
        print_if(out, figures->states[UID_FAILED], "message could not be captured",
                 "messages could not be captured");
        print_question(out, asked);
    }
    uint64_t vanished = figures->states[UID_VANISHED] + figures->states[UID_VANISHED_INFERRED];
    if (vanished > 0)
        fprintf(out, "%" PRIu64 " vanished before %s could be checked against the rules.\n",
                vanished, vanished == 1 ? "it" : "they");
    print_doubts(out, figures);
}

static void print_none(const struct printing *printing, const struct asked *asked)
{
    const char *account = asked->account;
    time_t since = asked->since;
    const char *what = printing->exempt ? " was exempted"
                       : since != 0     ? " was recorded"
                                        : " has been seen";
    fprintf(printing->out, "No message%s%s%s since %s.\n", account != NULL ? " of account " : "",
            account != NULL ? account : "", what, since != 0 ? "then" : "the baseline");
    if (!printing->exempt)
        print_question(printing->out, asked);
}

static void print_text(struct report *report, const struct asked *asked, FILE *out)
{
    struct printing printing = {.out = out, .exempt = asked->exempt};
    const char *account = asked->account;
    time_t since = asked->since;
    struct ledger_figures figures;
    report_lines(report, account, since, measure, &printing);
    if (!printing.any) {
        print_none(&printing, asked);
        return;
    }
    print_head(&printing);
    report_lines(report, account, since, print_line, &printing);
    if (asked->exempt) {
        fprintf(out, "\n%" PRIu64 " %s exempted by a rule.\n", printing.messages,
                printing.messages == 1 ? "message was" : "messages were");
        return;
    }
    report_figures(report, account, since, &figures);
    print_summary(out, &figures, asked);
}

/* ---- JSON ---- */

static void json_line(void *arg, const struct report_line *line)
{
    struct printing *printing = arg;
    struct json *json = &printing->json;
    if (!is_asked(printing, line))
        return;
    printing->messages += (uint64_t)line->last_uid - line->first_uid + 1;
    json_object(json, NULL);
    json_string(json, "account", line->account);
    json_string(json, "folder", line->folder);
    json_number(json, "uidvalidity", line->uidvalidity);
    json_number(json, "first_uid", line->first_uid);
    json_number(json, "last_uid", line->last_uid);
    json_time(json, "at", line->at);
    json_string(json, "state", uid_state_name(line->state));
    json_string(json, "reason", line->reason);
    json_string(json, "sha256", line->sha256);
    json_string(json, "target", line->target);
    json_string(json, "copy_state", line->copy_state);
    json_string(json, "target_folder", line->target_folder);
    json_number(json, "target_uidvalidity", line->target_uidvalidity);
    json_number(json, "target_uid", line->target_uid);
    json_time(json, "delivered_at", line->delivered_at);
    json_string(json, "monitor_id", line->monitor_id);
    json_string(json, "duplicate_of", line->duplicate_of);
    char *undecided = undecided_in(line);
    json_string(json, "undecided", undecided);
    free(undecided);
    json_object_end(json);
}

static void json_standing(struct json *json, const struct ledger_figures *figures,
                          const struct asked *asked)
{
    const struct standing *standing = &asked->standing;
    json_bool(json, "complete", is_complete(figures) && standing_is_good(standing));
    json_string(json, "agent", standing_agent_name(standing->agent));
    json_array(json, "problems");
    for (size_t i = 0; i < standing->n; i++)
        json_string(json, NULL, standing->problems[i]);
    json_array_end(json);
    json_time(json, "last_seen", asked->last_seen);
}

static void print_json(struct report *report, const struct asked *asked, FILE *out)
{
    struct printing printing = {.out = out, .exempt = asked->exempt};
    struct json *json = &printing.json;
    const char *account = asked->account;
    time_t since = asked->since;
    struct ledger_figures figures;
    json_begin(json, out);
    json_object(json, NULL);
    json_array(json, "lines");
    report_lines(report, account, since, json_line, &printing);
    json_array_end(json);
    report_figures(report, account, since, &figures);
    json_object(json, "messages");
    if (asked->exempt) {
        json_number(json, uid_state_name(UID_EXEMPT), (int64_t)printing.messages);
        json_object_end(json);
        json_object_end(json);
        return;
    }
    for (unsigned i = 0; i < UID_STATES; i++)
        if (figures.states[i] > 0)
            json_number(json, uid_state_name((enum uid_state)i), (int64_t)figures.states[i]);
    json_object_end(json);
    json_object(json, "copies");
    json_number(json, "delivered", (int64_t)figures.delivered);
    json_number(json, "pending", (int64_t)figures.pending);
    json_number(json, "failed", (int64_t)figures.failed_copies);
    json_number(json, "dropped", (int64_t)figures.dropped);
    json_number(json, "undecided", (int64_t)figures.undecided);
    json_object_end(json);
    json_standing(json, &figures, asked);
    json_object_end(json);
}

/* ---- the command ---- */

static bool read_since(const char *text, time_t *since)
{
    unsigned seconds;
    *since = 0;
    if (text == NULL || units_date(text, since) == NULL)
        return true;
    if (units_duration(text, &seconds) != NULL)
        return false;
    time_t now = time(NULL);
    *since = now > (time_t)seconds ? now - (time_t)seconds : 0;
    return true;
}

static bool is_known(struct report *report, const char *account, bool configured)
{
    struct printing printing = {0};
    if (account == NULL || configured)
        return true;
    report_lines(report, account, 0, measure, &printing);
    return printing.any;
}

int ledger_command(const char *state_dir, const char *account, bool configured,
                   const char *since_text, bool exempt, bool json, FILE *out)
{
    struct asked asked = {.account = account, .exempt = exempt};
    char *why;
    if (!read_since(since_text, &asked.since)) {
        fprintf(stderr,
                "mailvigil: --since %s: expected a date such as 2026-01-31 or a duration such as"
                " 7d\n",
                since_text);
        return EX_USAGE;
    }
    struct report *report = report_open(state_dir, &why);
    if (report == NULL) {
        fprintf(stderr, "mailvigil: %s\n", why);
        free(why);
        return EX_TEMPFAIL;
    }
    if (!is_known(report, account, configured)) {
        fprintf(stderr,
                "mailvigil: no account with the name or address \"%s\"; see \"mailvigil users\"\n",
                account);
        report_close(report);
        return EX_USAGE;
    }
    /* Asked first: what it sees meanwhile is in the report then. */
    standing_ask(&asked.standing, state_dir, account);
    asked.last_seen = report_last_seen(report, account);
    if (json)
        print_json(report, &asked, out);
    else
        print_text(report, &asked, out);
    standing_clear(&asked.standing);
    report_close(report);
    return 0;
}
