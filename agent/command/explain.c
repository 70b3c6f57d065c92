#include "agent/command/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/command/explain_fetch.h"
#include "agent/ledger/plan.h"
#include "agent/util/json.h"
#include "agent/util/screen.h"
#include "imapclient/text/special.h"
#include "rules/dates.h"
#include "rules/util/memory.h"
#include "rules/warning.h"

/* A file is limited just as a message from a server. */
#define EXPLAIN_MAX (512ull * 1024 * 1024)

struct explained {
    struct context context;
    const struct explain_options *options;
    struct captured_message *message;
    struct message_facts facts;
    char *original; /* the content of the file, for --whole; NULL from a server */
    size_t original_len;
    bool has_key;
};

/* ---- the message ---- */

static bool read_file(struct explained *explained)
{
    const char *name = explained->options->file;
    bool is_stdin = name == NULL || strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    if (is_stdin && isatty(fd))
        fprintf(stderr, "Reading the message from standard input (end with Ctrl-D)\n");
    while (fd >= 0) {
        explained->original = xrealloc(explained->original, explained->original_len + 65536);
        got = read(fd, explained->original + explained->original_len, 65536);
        if (got <= 0 || explained->original_len > EXPLAIN_MAX)
            break;
        captured_message_write(explained->message, explained->original + explained->original_len,
                               (size_t)got);
        explained->original_len += (size_t)got;
    }
    if (got < 0)
        fprintf(stderr, "mailvigil: %s: %s\n", is_stdin ? "standard input" : name, strerror(errno));
    if (fd >= 0 && !is_stdin)
        close(fd);
    if (got == 0 && explained->original_len == 0)
        fprintf(stderr, "mailvigil: %s is empty\n", is_stdin ? "standard input" : name);
    return got == 0 && explained->original_len > 0;
}

static int load_file(struct explained *explained, const struct account *account)
{
    const char *folder = explained->options->folder;

    explained->facts = (struct message_facts){
        .account = account,
        .folder = folder,
        .role =
            strcasecmp(folder, "\\Sent") == 0 || imap_special_name(IMAP_SPECIAL_SENT, folder, '/')
                ? FOLDER_SENT
                : FOLDER_OTHER,
        .internaldate = time(NULL),
    };
    explained->message =
        captured_message_new(&explained->context, account, folder, explained->facts.role);
    return read_file(explained) ? 0 : EX_NOINPUT;
}

/* As the agent does when the server gives no usable date. */
static void guess_date(struct explained *explained)
{
    size_t len;
    const char *text = captured_message_header(explained->message, &len);
    struct header *header = header_parse(text, len);
    struct mail_date date;

    if (header_guess_date(header, &date))
        explained->facts.internaldate = date.at;
    header_free(header);
}

static int load_from_server(struct explained *explained, const struct account *account)
{
    struct fetched fetched = {0};

    explain_fetch(&explained->context, account, explained->options->folder, explained->options->uid,
                  &fetched);
    explained->message = fetched.message;
    explained->facts = fetched.facts;
    if (fetched.message != NULL) {
        if (explained->facts.date_unknown)
            guess_date(explained);
        return 0;
    }
    fprintf(stderr, "mailvigil: account %s, folder %s, UID %u: %s\n", account->name,
            explained->options->folder, explained->options->uid, fetched.why);
    free(fetched.why);
    return fetched.absent ? EX_NOINPUT : EX_TEMPFAIL;
}

/* Sampling and ids need the instance's key, which the first run creates. */
static bool read_key(const struct config *config)
{
    char *path = xasprintf("%s/instance.key", config->state_dir);
    FILE *in = fopen(path, "re");
    bool read = in != NULL && fread(config->rules->key, sizeof(config->rules->key), 1, in) == 1;

    if (in != NULL)
        fclose(in);
    free(path);
    return read;
}

/* ---- output for people ---- */

static const char *result_text(enum match_result result)
{
    static const char *const texts[] = {"no", "yes", "undecided", "needs the body"};

    return texts[result];
}

static void print_recipient(const struct recipient *recipient)
{
    printf("recipient:  ");
    screen_text(stdout, recipient->address);
    printf(" (%s)\n", basis_text(recipient->basis));
}

static void print_route(const struct route *route)
{
    char buffer[40];

    printf("direction:  %s (%s)\n", direction_text(route->directions, buffer),
           route->sent ? "sent by the owner of the mailbox" : "received by the owner");
    printf("sender:     ");
    screen_text(stdout, *route->sender != '\0' ? route->sender : "none");
    printf(" (%s)\n", route->sender_claimed ? "claimed" : "mailbox");
    for (size_t i = 0; i < route->n_recipients && i < 20; i++)
        print_recipient(&route->recipients[i]);
    if (route->n_recipients > 20)
        printf("            and %zu more\n", route->n_recipients - 20);
    for (unsigned i = 0; warning_text(1u << i) != NULL; i++)
        if ((route->warnings & (1u << i)) != 0)
            printf("warning:    %s: %s\n", warning_text(1u << i),
                   warning_meaning(warning_text(1u << i)));
}

static void print_rule(const struct rule_decision *rule)
{
    printf("\nrule %s (%s:%d): %s\n", rule->rule->name, rule->rule->file, rule->rule->line,
           result_text(rule->result));
    for (size_t i = 0; i < rule->n_reasons; i++)
        printf("  %-9s  %-12s %s\n", result_text(rule->reasons[i].result),
               rule->reasons[i].condition, rule->reasons[i].text);
    if (rule->skipped)
        printf("  skipped: the rule says undecided = \"skip\"\n");
}

static void print_undecided(const char *before, unsigned conditions)
{
    char *text = decide_conditions_text(conditions);

    if (conditions != 0)
        printf("%s%s", before, text);
    free(text);
}

static void print_result(const struct decision *decision)
{
    if (decision->exempt) {
        printf("\nresult: not copied: exempt by rule %s: %s\n", decision->exempt_by->name,
               decision->exempt_basis);
        return;
    }
    if (decision->n_targets == 0) {
        printf("\nresult: not copied: no rule matches");
        print_undecided("; skipped because undecided: ", decision->skipped);
        printf("\n");
        return;
    }
    printf("\nresult: copied to");
    for (size_t i = 0; i < decision->n_targets; i++) {
        printf("%s %s (rule%s", i > 0 ? "," : "", decision->targets[i].target,
               decision->targets[i].n_rules == 1 ? "" : "s");
        for (size_t k = 0; k < decision->targets[i].n_rules; k++)
            printf(" %s", decision->targets[i].rules[k]->name);
        print_undecided("; undecided: ", decision->targets[i].undecided);
        printf(")");
    }
    printf("\n");
}

/* ---- the copy ---- */

static void view_for(struct explained *explained, const struct decision *decision,
                     const struct target_decision *chosen, struct copy_view *view)
{
    const struct config *config = explained->context.config;
    const struct target *target = config_target(config, chosen->target);
    const struct message_facts *facts = &explained->facts;
    struct owner owner = account_owner(facts->account);
    char *text = plan_text(decision, chosen, &owner);
    struct plan *said = plan_parse(text);
    char id[MONITOR_ID_LEN + 1];
    size_t header_len;
    const char *header = captured_message_header(explained->message, &header_len);
    struct copy_plan plan = plan_copy(said);

    plan.form = target->form;
    plan.account = facts->account->name;
    plan.folder = facts->folder;
    plan.uidvalidity = facts->uidvalidity;
    plan.uid = facts->uid;
    plan.monitor_id = id;
    plan.sha256 = captured_message_sha256(explained->message);
    plan.captured = time(NULL);
    plan.internaldate = facts->internaldate;
    plan.instance = config->instance;
    plan.reply_to = target->reply_to;
    monitor_id_make(config->rules->key, plan.account, plan.folder, plan.uidvalidity, plan.uid,
                    chosen->target, id);
    copy_make(config->rules, &plan, header, header_len, captured_message_size(explained->message),
              view);
    plan_free(said);
    free(text);
}

/* As it is into a file, but nothing of a message controls a terminal. */
static void put_copy(const char *data, size_t len)
{
    if (isatty(STDOUT_FILENO))
        screen_lines(stdout, data, len);
    else
        fwrite(data, 1, len, stdout);
}

static void print_copy(struct explained *explained, const struct decision *decision,
                       const struct target_decision *chosen)
{
    struct copy_view view = {0};

    view_for(explained, decision, chosen, &view);
    printf("\n---- the copy for %s ----\n", chosen->target);
    put_copy(view.prefix, view.prefix_len);
    if (explained->options->whole && explained->original != NULL)
        put_copy(explained->original + view.from, (size_t)(view.to - view.from));
    else
        printf("(%llu bytes of the original, unchanged)\n",
               (unsigned long long)(view.to - view.from));
    put_copy(view.suffix, view.suffix_len);
    copy_view_clear(&view);
}

/* ---- JSON ---- */

static const char *result_name(enum match_result result)
{
    static const char *const names[] = {"no", "yes", "undecided", "needs_body"};

    return names[result];
}

/* A target that gets its copy because conditions are undecided. */
static void json_undecided(struct json *json, const struct target_decision *target)
{
    char *conditions = decide_conditions_text(target->undecided);

    if (target->undecided != 0) {
        json_object(json, NULL);
        json_string(json, "target", target->target);
        json_string(json, "conditions", conditions);
        json_object_end(json);
    }
    free(conditions);
}

static void write_json(const struct decision *decision)
{
    struct json json;
    char buffer[40];

    json_begin(&json, stdout);
    json_object(&json, NULL);
    json_string(&json, "direction", direction_text(decision->route->directions, buffer));
    json_string(&json, "sender", decision->route->sender);
    json_bool(&json, "sender_claimed", decision->route->sender_claimed);
    json_array(&json, "recipients");
    for (size_t i = 0; i < decision->route->n_recipients; i++) {
        json_object(&json, NULL);
        json_string(&json, "address", decision->route->recipients[i].address);
        json_string(&json, "basis", basis_text(decision->route->recipients[i].basis));
        json_object_end(&json);
    }
    json_array_end(&json);
    json_array(&json, "warnings");
    for (unsigned i = 0; warning_text(1u << i) != NULL; i++)
        if ((decision->route->warnings & (1u << i)) != 0)
            json_string(&json, NULL, warning_text(1u << i));
    json_array_end(&json);
    json_array(&json, "rules");
    for (size_t i = 0; i < decision->n_rules; i++) {
        const struct rule_decision *rule = &decision->rules[i];

        json_object(&json, NULL);
        json_string(&json, "name", rule->rule->name);
        json_string(&json, "verdict", result_name(rule->result));
        json_bool(&json, "skipped", rule->skipped);
        json_array(&json, "reasons");
        for (size_t k = 0; k < rule->n_reasons; k++) {
            json_object(&json, NULL);
            json_string(&json, "condition", rule->reasons[k].condition);
            json_bool(&json, "holds", rule->reasons[k].result == MATCH_YES);
            json_string(&json, "result", result_name(rule->reasons[k].result));
            json_string(&json, "text", rule->reasons[k].text);
            json_object_end(&json);
        }
        json_array_end(&json);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_string(&json, "exempt_by", decision->exempt ? decision->exempt_by->name : NULL);
    json_string(&json, "exempt_basis", decision->exempt_basis);
    json_array(&json, "targets");
    for (size_t i = 0; i < decision->n_targets; i++)
        json_string(&json, NULL, decision->targets[i].target);
    json_array_end(&json);
    json_array(&json, "undecided");
    for (size_t i = 0; i < decision->n_targets; i++)
        json_undecided(&json, &decision->targets[i]);
    json_array_end(&json);
    json_object_end(&json);
}

static void print_explained(struct explained *explained, const struct decision *decision)
{
    if (explained->options->json) {
        write_json(decision);
        return;
    }
    if (!explained->has_key)
        printf("note:       this instance has not run yet and has no key: samples and ids will "
               "differ\n");
    printf("account:    %s\nfolder:     ", explained->facts.account->name);
    screen_text(stdout, explained->facts.folder);
    printf("%s\n", explained->facts.role == FOLDER_SENT ? " (Sent)" : "");
    print_route(decision->route);
    for (size_t i = 0; i < decision->n_rules; i++)
        print_rule(&decision->rules[i]);
    print_result(decision);
    for (size_t i = 0; !decision->exempt && i < decision->n_targets; i++)
        print_copy(explained, decision, &decision->targets[i]);
}

/* The only account that is watched, or NULL; *count: how many are. */
static const struct account *only_account(const struct config *config, size_t *count)
{
    const struct account *account = NULL;

    *count = 0;
    for (size_t i = 0; i < config->n_accounts; i++) {
        if (!config->accounts[i]->watch)
            continue;
        account = config->accounts[i];
        ++*count;
    }
    return *count == 1 ? account : NULL;
}

static const struct account *choose_account(const struct config *config, const char *name)
{
    size_t count;
    const struct account *only = only_account(config, &count);
    const struct account *account = name != NULL ? config_account(config, name) : only;

    if (account != NULL && !account->watch) {
        fprintf(
            stderr,
            "mailvigil: account \"%s\" is not watched: only probes use it, and no rule applies to "
            "it\n",
            account->name);
        return NULL;
    }
    if (name == NULL && account == NULL)
        fprintf(stderr, "mailvigil: --account NAME is required: there are %zu watched accounts\n",
                count);
    else if (account == NULL)
        fprintf(stderr,
                "mailvigil: no account with the name or address \"%s\"; see \"mailvigil users\"\n",
                name);
    return account;
}

int explain_command(const struct config *config, const struct explain_options *given)
{
    struct explain_options options = *given;
    struct explained explained = {.options = &options, .context = {.config = config}};
    const struct account *account = choose_account(config, options.account);
    struct decision *decision;
    int status;

    if (account == NULL)
        return EX_USAGE;
    if (options.folder == NULL)
        options.folder = "INBOX";
    explained.has_key = read_key(config);
    status =
        options.uid != 0 ? load_from_server(&explained, account) : load_file(&explained, account);
    if (status == 0) {
        decision = captured_message_explain(explained.message, &explained.facts);
        print_explained(&explained, decision);
        decision_free(decision);
    }
    captured_message_free(explained.message);
    free(explained.original);
    return status;
}
