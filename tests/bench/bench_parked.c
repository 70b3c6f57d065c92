/*
 * What a parked session costs: signed in, INBOX examined, in IDLE, over TLS, against a Dovecot of
 * the benchmark's own. Usage: bench_parked [SESSIONS [plain]]. Exit status 1 above 26 kB a session.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "imapclient/scripted_dovecot.h"
#include "imapclient/session.h"
#include "imapclient/util/memory.h"

#define LIMIT 26000  /* octets */
#define AT_A_TIME 20 /* sign-ins */
#define PATIENCE 300 /* seconds */

struct bench {
    struct event_base *base;
    struct imap_options options;
    struct imap_session **sessions;
    size_t wanted, begun, idling;
};

static void begin(struct bench *bench);

static size_t resident(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*s %zu", &pages) != 1)
        abort();
    fclose(file);
    return pages * 4096;
}

static void on_idling(void *arg)
{
    struct bench *bench = arg;
    bench->idling++;
    if (bench->idling == bench->wanted)
        event_base_loopbreak(bench->base);
    else
        begin(bench);
}

static void on_done(void *arg, const struct imap_result *result)
{
    (void)arg;
    (void)result;
}

static void on_examined(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    (void)arg;
    (void)mailbox;
    if (result->kind != IMAP_RESULT_OK) {
        fprintf(stderr, "EXAMINE: %s\n", result->reason);
        exit(1);
    }
}

static void on_ready(void *arg)
{
    (void)arg;
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    (void)arg;
    fprintf(stderr, "a session ended: %s\n", failure->reason);
    exit(1);
}

static void begin(struct bench *bench)
{
    static const struct imap_events events = {.on_ready = on_ready, .on_closed = on_closed};
    if (bench->begun == bench->wanted)
        return;
    char login[16];
    snprintf(login, sizeof(login), "user%zu", bench->begun % 50);
    bench->options.login = login;
    struct imap_session *session =
        imap_session_new(bench->base, NULL, &bench->options, &events, bench);
    bench->sessions[bench->begun++] = session;
    imap_examine(session, "INBOX", NULL, on_examined, bench);
    imap_idle(session, on_idling, on_done, bench);
}

int main(int argc, char **argv)
{
    struct bench bench = {.wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000};
    bool plain = argc > 2 && strcmp(argv[2], "plain") == 0;
    struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    struct dovecot *dovecot = dovecot_start();
    char *why;
    bench.base = event_base_new();
    bench.sessions = xcalloc(bench.wanted, sizeof(*bench.sessions));
    bench.options = (struct imap_options){
        .host = "127.0.0.1",
        .port = plain ? dovecot_imap_port(dovecot) : dovecot_imaps_port(dovecot),
        .security = plain ? IMAP_SECURITY_NONE : IMAP_SECURITY_TLS,
        .tls = imap_tls_context_new(dovecot_ca_file(dovecot), &why),
        .secret = "wonder",
        .enable_qresync = true,
        .connect_timeout = PATIENCE,
        .reply_timeout = PATIENCE,
    };
    size_t before = resident();
    for (size_t i = 0; i < AT_A_TIME; i++)
        begin(&bench);
    struct timeval patience = {.tv_sec = PATIENCE};
    event_base_loopexit(bench.base, &patience);
    event_base_dispatch(bench.base);
    size_t used = resident() - before;
    size_t each = used / (bench.idling != 0 ? bench.idling : 1);
    printf("%zu of %zu sessions idle, base %.1f MB, %.1f kB a session\n", bench.idling,
           bench.wanted, (double)before / 1e6, (double)each / 1e3);
    for (size_t i = 0; i < bench.begun; i++)
        imap_session_free(bench.sessions[i]);
    event_base_loop(bench.base, EVLOOP_NONBLOCK);
    event_base_free(bench.base);
    SSL_CTX_free(bench.options.tls);
    free(bench.sessions);
    dovecot_stop(dovecot);
    return bench.idling == bench.wanted && each <= LIMIT ? 0 : 1;
}
