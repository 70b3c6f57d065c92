#include "agent/system/fault.h"

#ifdef MAILVIGIL_FAULTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Test builds only: the only global state, because a fault concerns the whole process. */
static pthread_once_t armed_once = PTHREAD_ONCE_INIT;
static atomic_int armed_fault;
static atomic_uint armed_count;

static void arm_from_environment(void)
{
    const char *text = getenv("MAILVIGIL_FAULT");
    if (text == NULL)
        return;
    char *end;
    unsigned long fault = strtoul(text, &end, 10), count = 1;
    if (*end == ':')
        count = strtoul(end + 1, &end, 10);
    if (*end != '\0' || fault > FAULT_LAST || count == 0)
        abort();
    atomic_store(&armed_count, (unsigned)count);
    atomic_store(&armed_fault, (int)fault);
}

void fault_arm(enum fault fault, unsigned count)
{
    pthread_once(&armed_once, arm_from_environment);
    atomic_store(&armed_count, count);
    atomic_store(&armed_fault, (int)fault);
}

void fault_point(enum fault fault)
{
    pthread_once(&armed_once, arm_from_environment);
    if (atomic_load(&armed_fault) != (int)fault)
        return;
    if (atomic_fetch_sub(&armed_count, 1) != 1)
        return;
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

#endif
