#include "imapclient/scripted_dovecot.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "imapclient/scripted_server.h"
#include "imapclient/util/memory.h"

#define PATIENCE 200 /* tenths of a second */

struct dovecot {
    char dir[64];
    struct scripted_ca *ca;
    pid_t pid, guard;
    int guarded; /* open while we run; an octet is written before an orderly close */
    uint16_t imap, imaps;
};

static const char configuration[] =
    "base_dir = %1$s/run\n"
    "state_dir = %1$s/state\n"
    "log_path = %1$s/log\n"
    "protocols = imap\n"
    "listen = 127.0.0.1\n"
    "default_internal_user = %2$s\n"
    "default_internal_group = %3$s\n"
    "default_login_user = %4$s\n"
    "default_vsz_limit = 1G\n"
    "default_process_limit = 3000\n"
    "default_client_limit = 20000\n"
    "first_valid_uid = 0\n"
    "first_valid_gid = 0\n"
    "mail_location = maildir:~/Maildir\n"
    "mail_fsync = never\n"
    "mail_max_userip_connections = 10000\n"
    "auth_failure_delay = 0\n"
    "auth_cache_size = 0\n"
    "disable_plaintext_auth = no\n"
    "ssl = yes\n"
    "ssl_cert = <%1$s/cert.pem\n"
    "ssl_key = <%1$s/key.pem\n"
    "auth_mechanisms = plain login\n"
    "passdb {\n driver = passwd-file\n args = scheme=PLAIN %1$s/masters\n master = yes\n}\n"
    "passdb {\n driver = static\n args = password=wonder\n}\n"
    "userdb {\n driver = static\n args = uid=%5$u gid=%6$u home=%1$s/home/%%u\n}\n"
    "namespace inbox {\n inbox = yes\n separator = /\n"
    " mailbox Sent {\n  auto = create\n  special_use = \\Sent\n }\n}\n"
    "service anvil {\n chroot =\n unix_listener anvil-auth-penalty {\n  mode = 0\n }\n}\n"
    "service stats {\n unix_listener stats-writer {\n  mode = 0666\n }\n}\n"
    "service imap-login {\n chroot =\n service_count = 0\n process_min_avail = 1\n"
    " inet_listener imap {\n  port = %7$u\n }\n"
    " inet_listener imaps {\n  port = %8$u\n  ssl = yes\n }\n}\n"
    "service imap {\n process_min_avail = 1\n service_count = 1\n}\n";

static void give_up(const char *why)
{
    fprintf(stderr, "dovecot: %s\n", why);
    abort();
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        give_up("no free port");
    close(fd);
    return ntohs(address.sin_port);
}

static FILE *create(const struct dovecot *dovecot, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dovecot->dir, name);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        give_up("cannot write its files");
    return file;
}

static void write_configuration(const struct dovecot *dovecot)
{
    bool root = geteuid() == 0;
    const char *me = root ? "" : getpwuid(geteuid())->pw_name;
    const char *group = root ? "dovecot" : getgrgid(getegid())->gr_name;
    /* As root, mail belongs to a UID of its own: inotify limits are counted per user. */
    unsigned mine = 20000 + (unsigned)getpid() % 40000;
    FILE *file = create(dovecot, "dovecot.conf");
    fprintf(file, configuration, dovecot->dir, root ? "dovecot" : me, group, root ? "dovenull" : me,
            root ? mine : geteuid(), root ? mine : getegid(), dovecot->imap, dovecot->imaps);
    fclose(file);
    file = create(dovecot, "masters");
    fputs("vigil:master\n", file);
    fclose(file);
    char home[128];
    snprintf(home, sizeof(home), "%s/home", dovecot->dir);
    mkdir(home, 0777);
    chmod(home, 0777);
    chmod(dovecot->dir, 0755);
}

static bool answers(const struct dovecot *dovecot)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(dovecot->imap),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char greeting[4] = "";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool up = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
              read(fd, greeting, 4) == 4 && memcmp(greeting, "* OK", 4) == 0;
    close(fd);
    return up;
}

/* A test that crashes leaves nothing running, whatever credentials Dovecot runs with. */
static void set_guard(struct dovecot *dovecot)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        give_up("no pipe");
    dovecot->guard = fork();
    if (dovecot->guard == 0) {
        char in_peace;
        close(ends[1]);
        if (read(ends[0], &in_peace, 1) == 0)
            kill(dovecot->pid, SIGTERM);
        _exit(0);
    }
    close(ends[0]);
    dovecot->guarded = ends[1];
}

static void launch(struct dovecot *dovecot)
{
    char file[128];
    snprintf(file, sizeof(file), "%s/dovecot.conf", dovecot->dir);
    dovecot->pid = fork();
    if (dovecot->pid == 0) {
        execlp("dovecot", "dovecot", "-F", "-c", file, (char *)NULL);
        execl("/usr/sbin/dovecot", "dovecot", "-F", "-c", file, (char *)NULL);
        _exit(127);
    }
    set_guard(dovecot);
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (waitpid(dovecot->pid, NULL, WNOHANG) == dovecot->pid)
            give_up("did not start: is dovecot-imapd installed?");
        if (answers(dovecot))
            return;
        usleep(100000); /* there is nothing to wait on but the port itself */
    }
    give_up("does not answer");
}

struct dovecot *dovecot_start(void)
{
    struct dovecot *dovecot = xcalloc(1, sizeof(*dovecot));
    const char *place = getenv("TMPDIR"); /* /dev/shm for benchmarks without a disk */
    snprintf(dovecot->dir, sizeof(dovecot->dir), "%s/dovecot-XXXXXX",
             place != NULL && strlen(place) < 32 ? place : "/tmp");
    if (mkdtemp(dovecot->dir) == NULL)
        give_up("no directory");
    dovecot->imap = free_port();
    dovecot->imaps = free_port();
    dovecot->ca = scripted_ca_new();
    char certificate[128], key[128];
    snprintf(certificate, sizeof(certificate), "%s/cert.pem", dovecot->dir);
    snprintf(key, sizeof(key), "%s/key.pem", dovecot->dir);
    scripted_ca_server_files(dovecot->ca, "IP:127.0.0.1", certificate, key);
    write_configuration(dovecot);
    launch(dovecot);
    return dovecot;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void dovecot_stop(struct dovecot *dovecot)
{
    kill(dovecot->pid, SIGTERM);
    waitpid(dovecot->pid, NULL, 0);
    (void)!write(dovecot->guarded, "", 1);
    close(dovecot->guarded);
    waitpid(dovecot->guard, NULL, 0);
    nftw(dovecot->dir, remove_one, 32, FTW_DEPTH | FTW_PHYS);
    scripted_ca_free(dovecot->ca);
    free(dovecot);
}

uint16_t dovecot_imap_port(const struct dovecot *dovecot)
{
    return dovecot->imap;
}

uint16_t dovecot_imaps_port(const struct dovecot *dovecot)
{
    return dovecot->imaps;
}

const char *dovecot_ca_file(const struct dovecot *dovecot)
{
    return scripted_ca_file(dovecot->ca);
}
