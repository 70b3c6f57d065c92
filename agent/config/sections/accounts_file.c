#include "agent/config/sections/accounts_file.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "agent/config/syntax/names.h"
#include "agent/config/syntax/units.h"
#include "agent/system/secret.h"
#include "agent/util/csv.h"
#include "agent/util/suggest.h"
#include "imapclient/text/utf8.h"
#include "rules/util/memory.h"

enum column { ADDRESS, LOGIN, MONITOR, ALIASES, PASSWORD_FILE, SERVER, FOLDERS, N_COLUMNS };

static const char *const names[N_COLUMNS] = {"address",       "login",  "monitor", "aliases",
                                             "password_file", "server", "folders"};

struct table {
    struct config_loader *loader;
    const char *path;
    struct csv csv;
    size_t n_columns;                    /* that the header line names */
    enum column columns[CSV_FIELDS_MAX]; /* N_COLUMNS: unknown */
};

__attribute__((format(printf, 2, 3))) static void fault(struct table *table, const char *format,
                                                        ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *text = xvasprintf(format, arguments);
    va_end(arguments);
    config_problem(table->loader->problems, table->path, table->csv.line, "%s", text);
    free(text);
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (size_t len = strlen(text); len > 0 && strchr(" \t", text[len - 1]) != NULL;)
        text[--len] = '\0';
    return text;
}

/* ---- the header line ---- */

static enum column find_column(struct table *table, const char *name)
{
    struct suggestion suggestion;
    char hint[CONFIG_HINT_MAX];

    suggest_begin(&suggestion, name);
    for (int i = 0; i < N_COLUMNS; i++) {
        if (strcasecmp(names[i], name) == 0)
            return (enum column)i;
        suggest_offer(&suggestion, names[i]);
    }
    fault(table,
          "unknown column \"%.64s\"%s; expected address, login, monitor, aliases, password_file, "
          "server and folders",
          name, config_hint(hint, suggestion.best));
    return N_COLUMNS;
}

static bool read_header(struct table *table)
{
    bool seen[N_COLUMNS + 1] = {false};

    if (!csv_next(&table->csv)) {
        config_problem(table->loader->problems, table->path, 0,
                       "is empty; expected a header line such as address,login,monitor,aliases,"
                       "password_file");
        return false;
    }
    if (table->csv.fault != NULL)
        fault(table, "%s", table->csv.fault);
    table->n_columns = table->csv.count;
    for (size_t i = 0; i < table->n_columns; i++) {
        enum column column = find_column(table, trim(table->csv.fields[i]));
        if (column != N_COLUMNS && seen[column])
            fault(table, "duplicate column \"%s\"", names[column]);
        table->columns[i] = column;
        seen[column] = true;
    }
    if (!seen[ADDRESS])
        fault(table,
              "column \"address\" is missing; the first line must name the columns, separated by "
              "commas");
    return seen[ADDRESS];
}

/* ---- records ---- */

static void check_address(struct table *table, const char *column, const char *text)
{
    const char *expected = names_address(text);

    if (expected != NULL)
        fault(table, "%s is \"%.200s\"; expected %s", column, text, expected);
}

/* A new list of the parts of text; empty parts are left out. */
static char **split(char *text, const char *separators)
{
    char **list = NULL, *rest = NULL;
    size_t count = 0;

    for (char *part = strtok_r(text, separators, &rest); part != NULL;
         part = strtok_r(NULL, separators, &rest)) {
        part = trim(part);
        if (*part != '\0')
            config_strings_add(&list, &count, xstrdup(part));
    }
    return list != NULL ? list : xcalloc(1, sizeof(*list));
}

static void read_address(struct table *table, struct account *account, const char *text)
{
    if (*text == '\0') {
        fault(table, "address is missing");
        return;
    }
    check_address(table, "address", text);
    account->address = xstrdup(text);
    names_lower_domain(account->address);
}

static void read_aliases(struct table *table, struct account *account, char *text)
{
    account->aliases = split(text, " ;");
    for (char **alias = account->aliases; *alias != NULL; alias++) {
        check_address(table, "aliases", *alias);
        names_lower_domain(*alias);
    }
}

static void read_server(struct table *table, struct account *account, const char *text)
{
    const struct config_loader *loader = table->loader;
    char hint[CONFIG_HINT_MAX];

    if (*text != '\0') {
        account->server = name_index_get(loader->servers, text);
        if (account->server == NULL)
            fault(table, "server \"%.64s\" is not defined%s", text,
                  config_hint(hint, name_index_suggest(loader->servers, text)));
    } else if (loader->config->n_servers == 1) {
        account->server = loader->config->servers[0];
    } else {
        fault(table, "server is missing: it can only be left out when exactly one is defined");
    }
    if (account->server != NULL && !account->server->imap.set)
        fault(table, "server \"%s\" has no imap", account->server->name);
}

static void read_folders(struct table *table, struct account *account, char *text)
{
    char **folders = split(text, ";");

    for (char **folder = folders; *folder != NULL; folder++) {
        const char *wrong = config_folder_fault(*folder);
        if (wrong != NULL)
            fault(table, "folders: \"%.64s\" %s", *folder, wrong);
    }
    if (*folders == NULL) {
        config_strings_free(folders);
        folders = config_default_folders();
    }
    config_folders_normalize(folders);
    account->folders = folders;
}

static void read_secret(struct table *table, struct account *account, const char *text)
{
    account->secret.file = xstrdup(table->path);
    account->secret.line = table->csv.line;
    if (*text == '\0') {
        if (account->server != NULL && account->server->master_user == NULL)
            fault(table, "password_file is missing (server \"%s\" has no master_user)",
                  account->server->name);
        return;
    }
    account->secret.password_file = config_secret_path(text, table->path);
    char *doubtful, *why = secret_check(&account->secret, &doubtful);
    if (why != NULL)
        fault(table, "%s", why);
    if (doubtful != NULL)
        config_warning(table->loader->problems, table->path, table->csv.line, "%s", doubtful);
    free(why);
    free(doubtful);
}

static void read_monitor(struct table *table, struct account *account, const char *text)
{
    const char *expected = *text != '\0' ? units_bool(text, &account->monitor) : NULL;

    if (expected != NULL)
        fault(table, "monitor is \"%.200s\"; expected %s", text, expected);
}

static bool is_clean(const char *text)
{
    while (*text != '\0') {
        uint32_t point = utf8_next(&text);
        if (point == UTF8_INVALID || point < 0x20 || (point >= 0x7f && point < 0xa0))
            return false;
    }
    return true;
}

/* The record's fields by column; those that it does not have are "". false: a problem was reported.
 */
static bool by_column(struct table *table, char *fields[N_COLUMNS + 1], char empty[1])
{
    const struct csv *csv = &table->csv;

    for (int i = 0; i <= N_COLUMNS; i++)
        fields[i] = empty;
    if (csv->fault != NULL) {
        fault(table, "%s", csv->fault);
        return false;
    }
    if (csv->count != table->n_columns) {
        fault(table, "%zu fields; the header line has %zu", csv->count, table->n_columns);
        return false;
    }
    for (size_t i = 0; i < csv->count; i++) {
        fields[table->columns[i]] = trim(csv->fields[i]);
        if (is_clean(csv->fields[i]) && strlen(csv->fields[i]) <= CONFIG_VALUE_MAX)
            continue;
        fault(table,
              "a field contains control characters, is not valid UTF-8, or exceeds 8192 bytes");
        return false;
    }
    return true;
}

static void read_record(struct table *table)
{
    char *fields[N_COLUMNS + 1], empty[1] = "";

    if (!by_column(table, fields, empty))
        return;
    struct account *account = xcalloc(1, sizeof(*account));
    account->file = xstrdup(table->path);
    account->line = table->csv.line;
    account->watch = true;
    read_address(table, account, fields[ADDRESS]);
    account->name = xstrdup(account->address != NULL ? account->address : "");
    account->login = xstrdup(*fields[LOGIN] != '\0' ? fields[LOGIN] : account->name);
    read_server(table, account, fields[SERVER]);
    read_monitor(table, account, fields[MONITOR]);
    read_aliases(table, account, fields[ALIASES]);
    read_folders(table, account, fields[FOLDERS]);
    read_secret(table, account, fields[PASSWORD_FILE]);
    if (account->address != NULL)
        config_add_account(table->loader, account);
    else
        config_account_free(account);
}

void accounts_file_load(struct config_loader *loader, const char *path, int line)
{
    struct table table = {.loader = loader, .path = path};
    const char *why;
    char *text = config_read_file(path, &why);

    if (text == NULL) {
        config_problem(loader->problems, loader->config->path, line, "accounts_file %s: %s", path,
                       why);
        return;
    }
    csv_begin(&table.csv, text);
    if (read_header(&table))
        while (csv_next(&table.csv))
            read_record(&table);
    free(text);
}
