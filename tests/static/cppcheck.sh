#!/bin/sh
# cppcheck over the three rooms finds nothing. What it is told not to say, and why:
#   variableScope         declarations stand at the head of a block
#   unusedStructMember    it does not see uses through sys/queue.h and libconfuse
#   readdirCalled         glibc's readdir() is safe with a DIR of one's own; readdir_r() is deprecated
#   missingIncludeSystem  it brings descriptions of the libraries instead
#   invalidFunctionArg    it takes memory.h's xcalloc() for another that allows no 0
# and, in files of their own:
#   agent/deliver/batch.c         has_uids is true only if text is not NULL
#   agent/command/explain.c       explained holds the address of options: folder is read
#   agent/watch/wait.c    poll_interval of 0 is ruled out in config/sections/load.c, not in sight
set -eu
cd "$(dirname "$0")/../.."
. tests/static/sources.sh
if ! cppcheck --version; then
    echo "apt install cppcheck" >&2
    exit 1
fi
# Its macros are syntax to cppcheck until it has read them.
queue=$(echo '#include <sys/queue.h>' | cc -E -M - | tr ' ' '\n' | grep 'sys/queue\.h$')

sources agent imapclient rules | grep '\.c$' | cppcheck --quiet --error-exitcode=1 --file-list=- \
    --std=c11 --library=posix,gnu,openssl,sqlite3 --include="$queue" -I. \
    -D_GNU_SOURCE -DMAILVIGIL_FAULTS -DMAILVIGIL_VERSION='"0"' -DMAILVIGIL_SYSCONFDIR='"/etc"' \
    --enable=warning,style,performance,portability --inline-suppr \
    --suppress=variableScope --suppress=unusedStructMember --suppress=readdirCalled \
    --suppress=missingIncludeSystem --suppress=invalidFunctionArg \
    --suppress=nullPointer:agent/deliver/batch.c --suppress=unreadVariable:agent/command/explain.c \
    --suppress=knownConditionTrueFalse:agent/watch/wait.c
