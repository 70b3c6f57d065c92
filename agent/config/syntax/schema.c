#include "agent/config/syntax/schema.h"

#include <stdlib.h>
#include <string.h>

#include "rules/util/memory.h"

static int note_value(cfg_t *cfg, cfg_opt_t *option, const char *text, void *result)
{
    size_t size = strlen(text) + 1;
    struct config_value *value = xmalloc(sizeof(*value) + size);

    (void)option;
    value->line = cfg->line;
    memcpy(value->text, text, size);
    *(void **)result = value;
    return 0;
}

#define VALUE(name) CFG_PTR_CB(name, NULL, CFGF_NODEFAULT, note_value, free)
#define LIST(name) CFG_PTR_LIST_CB(name, NULL, CFGF_NODEFAULT, note_value, free)
#define NAMED(name, options) CFG_SEC(name, options, CFGF_MULTI | CFGF_TITLE)
/* MULTI, so that libconfuse creates none where none is written. */
#define UNNAMED(name, options) CFG_SEC(name, options, CFGF_MULTI)
/* libconfuse honours this flag only for titles; here config/syntax/text.c does.
 */
#define ONCE(name, options) CFG_SEC(name, options, CFGF_MULTI | CFGF_NO_TITLE_DUPES)

#define LIST_OPTIONS                                                                               \
    {                                                                                              \
        LIST("targets"), CFG_END()                                                                 \
    }

#define RULE_OPTIONS                                                                               \
    {                                                                                              \
        VALUE("incoming"), VALUE("outgoing"), VALUE("internal"), VALUE("exempt"),                  \
            LIST("addresses"), LIST("targets"), VALUE("sample"), VALUE("min_size"),                \
            VALUE("max_size"), LIST("users"), LIST("not_users"), LIST("from"), LIST("to"),         \
            LIST("subject"), LIST("header"), LIST("body"), LIST("attachment"), VALUE("encrypted"), \
            VALUE("since"), VALUE("until"), VALUE("hours"), VALUE("undecided"), VALUE("purpose"),  \
            VALUE("approved_by"), CFG_END()                                                        \
    }

#define SERVER_OPTIONS                                                                             \
    {                                                                                              \
        VALUE("imap"), VALUE("smtp"), VALUE("pop3"), VALUE("ca_file"), VALUE("master_user"),       \
            VALUE("master_password_file"), VALUE("max_sessions"), VALUE("authserv_id"), CFG_END()  \
    }

#define PROBE_OPTIONS                                                                              \
    {                                                                                              \
        VALUE("type"), VALUE("server"), VALUE("account"), VALUE("every"), VALUE("timeout"),        \
            VALUE("warn"), VALUE("crit"), VALUE("cert_warn"), VALUE("cert_crit"),                  \
            LIST("expect_capability"), VALUE("family"), VALUE("folder"), VALUE("raise"),           \
            VALUE("clear"), VALUE("hysteresis"), LIST("maintenance"), VALUE("remind"),             \
            VALUE("from"), VALUE("to"), VALUE("login"), VALUE("password_file"),                    \
            VALUE("password_command"), VALUE("oauth_token_command"), VALUE("newest_warn"),         \
            VALUE("newest_crit"), VALUE("oldest_warn"), VALUE("oldest_crit"), VALUE("count_warn"), \
            VALUE("count_crit"), VALUE("quota_warn"), VALUE("quota_crit"),                         \
            VALUE("return_account"), VALUE("return_folder"), VALUE("junk_folder"),                 \
            VALUE("reply_to"), VALUE("lost"), VALUE("secret_file"), VALUE("dedicated"), CFG_END()  \
    }

#define REFLECTOR_OPTIONS                                                                          \
    {                                                                                              \
        VALUE("account"), VALUE("server"), VALUE("address"), VALUE("reply_to"), VALUE("folder"),   \
            VALUE("secret_file"), VALUE("sender"), VALUE("keep"), VALUE("dedicated"), CFG_END()    \
    }

cfg_t *config_schema_rules(void)
{
    cfg_opt_t list[] = LIST_OPTIONS;
    cfg_opt_t rule[] = RULE_OPTIONS;
    cfg_opt_t options[] = {NAMED("list", list), NAMED("rule", rule), CFG_END()};

    return memory_check(cfg_init(options, CFGF_NONE));
}

cfg_t *config_schema_main(void)
{
    cfg_opt_t server[] = SERVER_OPTIONS;
    cfg_opt_t account[] = {VALUE("server"),
                           VALUE("address"),
                           LIST("aliases"),
                           VALUE("login"),
                           VALUE("password_file"),
                           VALUE("password_command"),
                           VALUE("oauth_token_command"),
                           VALUE("monitor"),
                           VALUE("watch"),
                           LIST("folders"),
                           CFG_END()};
    cfg_opt_t target[] = {VALUE("server"),
                          VALUE("login"),
                          VALUE("password_file"),
                          VALUE("password_command"),
                          VALUE("oauth_token_command"),
                          VALUE("folder"),
                          VALUE("form"),
                          VALUE("reply_to"),
                          VALUE("alarm_after"),
                          CFG_END()};
    cfg_opt_t list[] = LIST_OPTIONS;
    cfg_opt_t rule[] = RULE_OPTIONS;
    cfg_opt_t texts[] = {VALUE("subject_incoming"), VALUE("subject_outgoing"),
                         VALUE("subject_internal"), CFG_END()};
    cfg_opt_t status[] = {VALUE("listen"), CFG_END()};
    cfg_opt_t probe[] = PROBE_OPTIONS;
    cfg_opt_t reflector[] = REFLECTOR_OPTIONS;
    cfg_opt_t alert[] = {LIST("command"), VALUE("webhook"), VALUE("ca_file"), LIST("probes"),
                         CFG_END()};
    cfg_opt_t options[] = {VALUE("instance"),
                           LIST("domains"),
                           VALUE("state_dir"),
                           VALUE("rules_dir"),
                           VALUE("accounts_file"),
                           VALUE("internal_wait"),
                           VALUE("idle_renew"),
                           VALUE("poll_interval"),
                           VALUE("safety_poll"),
                           LIST("removed_fields"),
                           NAMED("server", server),
                           NAMED("account", account),
                           NAMED("target", target),
                           NAMED("list", list),
                           NAMED("rule", rule),
                           ONCE("texts", texts),
                           ONCE("status", status),
                           NAMED("probe", probe),
                           NAMED("reflector", reflector),
                           UNNAMED("alert", alert),
                           CFG_END()};

    return memory_check(cfg_init(options, CFGF_NONE));
}
