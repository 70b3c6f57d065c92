#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ledger/private.h"
#include "agent/ledger/recover.h"
#include "rules/util/memory.h"

#define SEGMENT_MAX (64u * 1024 * 1024)
#define BUFFER_HIGH (8u * 1024 * 1024)
#define APPLICATION_ID 0x4d564c31 /* "MVL1" */

/* An opening under way; it ends at its first error. */
struct opening {
    struct ledger *ledger;
    const struct ledger_options *options;
    enum ledger_open_error error;
    char *why;
    bool fresh;  /* ledger.db was made just now */
    int version; /* of its schema, 0: fresh */
};

__attribute__((format(printf, 3, 4))) static bool
refuse(struct opening *opening, enum ledger_open_error error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    opening->error = error;
    opening->why = xvasprintf(format, arguments);
    va_end(arguments);
    return false;
}

/* ---- the state directory and its lock ---- */

/* So that a new state directory itself is there after a power failure. */
static void sync_parent(int fd)
{
    int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return;
    fsync(parent);
    close(parent);
}

static bool open_directory(struct opening *opening)
{
    const char *path = opening->options->state_dir;
    struct stat status;
    bool made = mkdir(path, 0700) == 0;
    /* Not made here: the parent may be a disk that is not mounted, and holds a ledger. */
    if (!made && errno == ENOENT)
        return refuse(opening, LEDGER_SYSTEM,
                      "state_dir %s cannot be made: the directory it should lie in does not exist;"
                      " make that first",
                      path);
    if (!made && errno != EEXIST)
        return refuse(opening, LEDGER_SYSTEM, "state_dir %s cannot be made: %s", path,
                      strerror(errno));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) {
        refuse(opening, LEDGER_SYSTEM, "state_dir %s cannot be opened: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    opening->ledger->state_fd = fd;
    if (made)
        sync_parent(fd);
    if ((status.st_mode & 077) != 0)
        return refuse(opening, LEDGER_SYSTEM,
                      "state_dir %s can be entered by group or others, and holds originals of"
                      " mail: chmod 700 %s",
                      path, path);
    return true;
}

static void read_holder(int fd, char pid[32])
{
    ssize_t n = pread(fd, pid, 31, 0);
    pid[n > 0 ? n : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
}

static bool take_lock(struct opening *opening)
{
    struct ledger *ledger = opening->ledger;
    char pid[32];
    ledger->lock_fd = openat(ledger->state_fd, "ledger.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (ledger->lock_fd < 0)
        return refuse(opening, LEDGER_SYSTEM, "%s/ledger.lock cannot be opened: %s",
                      ledger->state_dir, strerror(errno));
    if (flock(ledger->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return refuse(opening, LEDGER_SYSTEM, "%s/ledger.lock cannot be locked: %s",
                          ledger->state_dir, strerror(errno));
        read_holder(ledger->lock_fd, pid);
        return refuse(opening, LEDGER_IN_USE, "%s is in use by the running agent, process %s",
                      ledger->state_dir, pid[0] == '\0' ? "unknown" : pid);
    }
    int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(ledger->lock_fd, 0) < 0 ||
        pwrite(ledger->lock_fd, pid, (size_t)len, 0) != (ssize_t)len)
        return refuse(opening, LEDGER_SYSTEM, "%s/ledger.lock cannot be written: %s",
                      ledger->state_dir, strerror(errno));
    return true;
}

/* ---- the instance's key ---- */

/* Under another name first: a crash must not leave half a key under its own. */
static bool make_key(struct opening *opening)
{
    struct ledger *ledger = opening->ledger;
    if (RAND_bytes(ledger->key, DIGEST) != 1)
        return refuse(opening, LEDGER_SYSTEM, "no random bytes for the instance's key");
    unlinkat(ledger->state_fd, "instance.key.new", 0);
    int fd =
        openat(ledger->state_fd, "instance.key.new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, ledger->key, DIGEST) == DIGEST && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (ok) {
        ok =
            renameat(ledger->state_fd, "instance.key.new", ledger->state_fd, "instance.key") == 0 &&
            fsync(ledger->state_fd) == 0;
        error = errno;
    }
    if (!ok)
        return refuse(opening, LEDGER_SYSTEM, "%s/instance.key cannot be made: %s",
                      ledger->state_dir, strerror(error));
    return true;
}

static bool file_exists(const struct ledger *ledger, const char *name)
{
    struct stat status;
    return fstatat(ledger->state_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_size > 0;
}

static bool read_key(struct opening *opening)
{
    struct ledger *ledger = opening->ledger;
    int fd = openat(ledger->state_fd, "instance.key", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        if (file_exists(ledger, "ledger.db"))
            return refuse(opening, LEDGER_DAMAGED,
                          "%s/instance.key is missing, without which copies cannot be known again:"
                          " restore it from a backup",
                          ledger->state_dir);
        return make_key(opening);
    }
    struct stat status;
    bool ok = fd >= 0 && fstat(fd, &status) == 0;
    unsigned char more;
    bool whole = ok && read(fd, ledger->key, DIGEST) == DIGEST && read(fd, &more, 1) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (!ok)
        return refuse(opening, LEDGER_SYSTEM, "%s/instance.key cannot be read: %s",
                      ledger->state_dir, strerror(error));
    if (!whole)
        return refuse(opening, LEDGER_DAMAGED,
                      "%s/instance.key is not %d bytes long: restore it from a backup",
                      ledger->state_dir, DIGEST);
    if ((status.st_mode & 077) != 0)
        return refuse(opening, LEDGER_SYSTEM,
                      "%s/instance.key can be read by group or others: chmod 600 %s/instance.key",
                      ledger->state_dir, ledger->state_dir);
    return true;
}

/* ---- the database ---- */

static bool refuse_database(struct opening *opening, const char *what)
{
    sqlite3 *db = opening->ledger->db;
    int code = db == NULL ? SQLITE_NOMEM : sqlite3_errcode(db);
    const char *text = db == NULL ? "out of memory" : sqlite3_errmsg(db);
    bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return refuse(opening, damaged ? LEDGER_DAMAGED : LEDGER_SYSTEM, "%s/ledger.db %s: %s%s",
                  opening->ledger->state_dir, what, text,
                  damaged ? " (restore it from a backup)" : "");
}

static bool open_database(struct opening *opening)
{
    struct ledger *ledger = opening->ledger;
    char *path = xasprintf("%s/ledger.db", ledger->state_dir);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    mode_t before = umask(077);
    int result = sqlite3_open_v2(path, &ledger->db, flags, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_exec(ledger->db,
                              "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                              "PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 2000;"
                              "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -4096;"
                              "PRAGMA temp_store = MEMORY",
                              NULL, NULL, NULL);
    umask(before);
    free(path);
    if (result != SQLITE_OK)
        return refuse_database(opening, "cannot be opened");
    sqlite3_extended_result_codes(ledger->db, 1);
    sqlite3_busy_timeout(ledger->db, 10000);
    return true;
}

static bool read_pragma(struct opening *opening, const char *sql, int64_t *value)
{
    sqlite3_stmt *query = NULL;
    bool ok = sqlite3_prepare_v2(opening->ledger->db, sql, -1, &query, NULL) == SQLITE_OK &&
              sqlite3_step(query) == SQLITE_ROW;
    if (ok)
        *value = sqlite3_column_int64(query, 0);
    else
        refuse_database(opening, "cannot be read");
    sqlite3_finalize(query);
    return ok;
}

static bool check_version(struct opening *opening)
{
    int64_t version, application;
    if (!read_pragma(opening, "PRAGMA user_version", &version) ||
        !read_pragma(opening, "PRAGMA application_id", &application))
        return false;
    if (version > LEDGER_SCHEMA)
        return refuse(opening, LEDGER_NEWER_VERSION,
                      "%s/ledger.db was made by a newer mailvigil (its version is %lld, this one"
                      " knows %d): install that one again, or restore the ledger from before",
                      opening->ledger->state_dir, (long long)version, LEDGER_SCHEMA);
    opening->version = (int)version;
    opening->fresh = version == 0;
    if (version < 0 || (!opening->fresh && application != APPLICATION_ID))
        return refuse(opening, LEDGER_DAMAGED, "%s/ledger.db is not a ledger of mailvigil",
                      opening->ledger->state_dir);
    return true;
}

static void key_fingerprint(const struct ledger *ledger, unsigned char fingerprint[DIGEST])
{
    static const char label[] = "mailvigil instance key";
    unsigned char text[sizeof(label) + DIGEST];
    memcpy(text, label, sizeof(label));
    memcpy(text + sizeof(label), ledger->key, DIGEST);
    SHA256(text, sizeof(text), fingerprint);
}

static void fill_fresh(struct ledger *ledger, const char *instance)
{
    unsigned char fingerprint[DIGEST];
    char pragma[50];
    key_fingerprint(ledger, fingerprint);
    snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d", APPLICATION_ID);
    if (!ledger_schema_advance(ledger, 0) || !ledger_execute(ledger, pragma))
        return;
    sqlite3_stmt *query = ledger_query(
        ledger, "INSERT INTO meta VALUES('instance', ?1), ('key', ?2), ('next_segment', 1)");
    bind_text(query, 1, instance);
    bind_digest(query, 2, fingerprint);
    ledger_run(ledger, query);
}

static bool check_instance(struct opening *opening)
{
    struct ledger *ledger = opening->ledger;
    unsigned char expected[DIGEST], recorded[DIGEST];
    sqlite3_stmt *query = ledger_query(ledger, "SELECT value FROM meta WHERE key = 'instance'");
    if (ledger_row(ledger, query) && strcmp(column_text(query, 0), opening->options->instance) != 0)
        refuse(opening, LEDGER_OTHER_INSTANCE,
               "%s belongs to instance \"%s\", not to \"%s\": each instance needs a state_dir of"
               " its own",
               ledger->state_dir, column_text(query, 0), opening->options->instance);
    if (query != NULL)
        sqlite3_reset(query);
    if (opening->error != LEDGER_OPENED)
        return false;
    key_fingerprint(ledger, expected);
    query = ledger_query(ledger, "SELECT value FROM meta WHERE key = 'key'");
    bool ok = ledger_row(ledger, query) && column_digest(query, 0, recorded) &&
              memcmp(expected, recorded, DIGEST) == 0;
    if (query != NULL)
        sqlite3_reset(query);
    if (!ok && !ledger->failed)
        return refuse(opening, LEDGER_DAMAGED,
                      "%s/instance.key is not the key of its ledger: restore it from a backup",
                      ledger->state_dir);
    return ok;
}

static void opened_record(struct ledger *ledger, const struct ledger_options *options)
{
    chain_begin(ledger);
    chain_text(ledger, "instance", options->instance);
    chain_text(ledger, "version", MAILVIGIL_VERSION);
    chain_text(ledger, "rules", options->rules_digest == NULL ? "" : options->rules_digest);
    if (ledger->damage != NULL)
        chain_text(ledger, "damage", ledger->damage);
    chain_end(ledger, "opened");
}

/* All of it is one transaction, so that a crash leaves neither half of a new ledger nor one
 * between two versions. */
static bool settle_database(struct opening *opening)
{
    struct ledger *ledger = opening->ledger;
    ledger->reload = !opening->fresh;
    ledger_batch_begin(ledger);
    if (opening->fresh)
        fill_fresh(ledger, opening->options->instance);
    bool ok = !ledger->failed && check_instance(opening);
    if (ok && !opening->fresh && opening->version < LEDGER_SCHEMA)
        ok = ledger_schema_advance(ledger, opening->version);
    if (ok) {
        ledger_recover(ledger, opening->fresh);
        chain_summaries(ledger);
        opened_record(ledger, opening->options);
    }
    if (opening->error != LEDGER_OPENED)
        ledger_fail(ledger, "refused");
    if (ledger_batch_end(ledger)) {
        if (opening->fresh)
            fsync(ledger->state_fd);
        return true;
    }
    if (opening->error != LEDGER_OPENED)
        return false;
    return refuse(opening, ledger->damaged ? LEDGER_DAMAGED : LEDGER_SYSTEM, "%s/%s",
                  ledger->state_dir, ledger->failure);
}

/* ---- opening and closing ---- */

static void dismantle(struct ledger *ledger)
{
    ledger_statements_free(ledger);
    sqlite3_close(ledger->db);
    spool_close(&ledger->spool);
    if (ledger->lock_fd >= 0)
        close(ledger->lock_fd);
    if (ledger->state_fd >= 0)
        close(ledger->state_fd);
    for (size_t i = 0; i < ledger->n_targets; i++)
        free(ledger->targets[i].target);
    free(ledger->targets);
    free(ledger->chain.text);
    pthread_mutex_destroy(&ledger->blockage->mutex);
    free(ledger->blockage);
    explicit_bzero(ledger->key, sizeof(ledger->key));
    free(ledger->damage);
    free(ledger->state_dir);
    free(ledger);
}

static bool open_spool(struct opening *opening)
{
    struct ledger *ledger = opening->ledger;
    if (!spool_open(&ledger->spool, ledger->state_fd))
        return refuse(opening, LEDGER_SYSTEM, "%s/%s", ledger->state_dir, ledger->spool.why);
    return true;
}

static struct worker *start_worker(struct ledger *ledger)
{
    static const struct worker_hooks hooks = {ledger_batch_begin, ledger_batch_end};
    /* Large enough to amortise fsync over a backlog, small enough to acknowledge the first entry
     * promptly. */
    const size_t batch_max = 512;
    return worker_new(ledger->base, "ledger", &hooks, ledger, batch_max);
}

enum ledger_open_error ledger_open(struct event_base *base, const struct ledger_options *options,
                                   struct ledger **result, char **why)
{
    struct ledger *ledger = xcalloc(1, sizeof(*ledger));
    struct opening opening = {.ledger = ledger, .options = options};
    ledger->base = base;
    ledger->state_dir = xstrdup(options->state_dir);
    ledger->segment_max = options->segment_max != 0 ? options->segment_max : SEGMENT_MAX;
    ledger->buffer_high = options->buffer_high != 0 ? options->buffer_high : BUFFER_HIGH;
    ledger->state_fd = ledger->lock_fd = -1;
    ledger->spool.dir_fd = ledger->spool.current.fd = -1;
    ledger->blockage = xcalloc(1, sizeof(*ledger->blockage));
    pthread_mutex_init(&ledger->blockage->mutex, NULL);
    *result = NULL;
    *why = NULL;
    if (!open_directory(&opening) || !take_lock(&opening) || !read_key(&opening) ||
        !open_database(&opening) || !check_version(&opening) || !open_spool(&opening) ||
        !settle_database(&opening)) {
        *why = opening.why;
        dismantle(ledger);
        return opening.error;
    }
    const size_t reads_at_once = 4;
    ledger->worker = start_worker(ledger);
    ledger->reader = worker_new(base, "spool", NULL, ledger, reads_at_once);
    *result = ledger;
    return LEDGER_OPENED;
}

static void closing_run(struct ledger *ledger, struct ledger_job *job)
{
    (void)job;
    chain_summaries(ledger);
    chain_begin(ledger);
    chain_end(ledger, "closed");
}

void ledger_close(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    assert(!ledger->answering);
    do {
        worker_finish(ledger->worker);
        worker_finish(ledger->reader);
    } while (worker_queued(ledger->worker) > 0);
    assert(ledger->gathering == 0 && ledger->in_flight == 0); /* no entry is open */
    worker_free(ledger->reader);
    struct ledger_job *job = xcalloc(1, sizeof(*job));
    job->run = closing_run;
    ledger_submit(ledger, job);
    worker_free(ledger->worker);
    dismantle(ledger);
}
