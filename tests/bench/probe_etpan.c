/*
 * What libetpan does with lines that the grammar keeps from it: each in a process of its own,
 * because some end it. Run it again after an upgrade of the library; share/doc/libetpan.md has the
 * outcome.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "imapclient/grammar/etpan.h"

#define NESTED 200000

static const char *const lines[] = {
    "* OK [ALERT]",
    "* OK [PARSE]",
    "* NO [BADCHARSET (UTF-8)] x\r\n* NO [BADCHARSET (UTF-8)] x",
    "* OK [PERMANENTFLAGS (\\Seen ] x",
    "* 1 FETCH (UID 4294967297)",
    "* 1 FETCH (RFC822.SIZE 5000000000)",
    "* 1 FETCH (FLAGS (\\Seenfoo))",
    "* 1 FETCH (FLAGS (a]b))",
    "* 1 FETCH (FLAGS (a%b))",
    "* 1 FETCH (FLAGS (\\*))",
    "* 1 FETCH (UID 7 EMAILID (M1))",
    "* 1 FETCH (UID 7 INTERNALDATE \"01-Foo-2020 00:00:00 +0000\")",
    "* 1 FETCH (UID 7)",
    "* LIST () \"/\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))",
    "* STATUS \"a b\" (MESSAGES 5)",
    "* STATUS x (SIZE 5)",
    "* NAMESPACE ((\"\" \"\")) NIL NIL",
};

static void show(const struct mailimap_response_info *info)
{
    if (info == NULL) {
        printf("refused");
        return;
    }
    printf("taken");
    if (!clist_isempty(info->rsp_fetch_list)) {
        const struct mailimap_msg_att *items = clist_content(clist_begin(info->rsp_fetch_list));
        const struct mailimap_msg_att_item *item = clist_content(clist_begin(items->att_list));
        if (item->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC &&
            item->att_data.att_static->att_type == MAILIMAP_MSG_ATT_UID)
            printf(", UID %u", item->att_data.att_static->att_data.att_uid);
        if (item->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC &&
            item->att_data.att_static->att_type == MAILIMAP_MSG_ATT_RFC822_SIZE)
            printf(", size %u", item->att_data.att_static->att_data.att_rfc822_size);
        if (item->att_type == MAILIMAP_MSG_ATT_ITEM_DYNAMIC)
            printf(", %d flags", clist_count(item->att_data.att_dyn->att_list));
    }
    if (info->rsp_status != NULL)
        printf(", mailbox <%s>", info->rsp_status->st_mailbox);
}

static void probe_here(const char *line)
{
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    struct etpan *etpan = etpan_new();
    etpan_begin(etpan, line);
    show(etpan_parse(etpan));
    fflush(stdout);
    _exit(0);
}

static void probe(const char *name, const char *line)
{
    int status = 0;
    printf("%-70.70s ", name);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        probe_here(line);
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        printf("%s", strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        printf("ended with status %d", WEXITSTATUS(status));
    printf("\n");
}

static void probe_nested(void)
{
    static const char begin[] = "* 1 FETCH (BODYSTRUCTURE ";
    char *line = malloc(sizeof(begin) + NESTED);
    if (line == NULL)
        abort();
    memcpy(line, begin, sizeof(begin) - 1);
    memset(line + sizeof(begin) - 1, '(', NESTED);
    line[sizeof(begin) - 1 + NESTED] = '\0';
    probe("* 1 FETCH (BODYSTRUCTURE ((((... 200,000 times", line);
    free(line);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        probe(strcspn(lines[i], "\r") < strlen(lines[i]) ? "* NO [BADCHARSET (UTF-8)] x, twice"
                                                         : lines[i],
              lines[i]);
    probe_nested();
    return 0;
}
