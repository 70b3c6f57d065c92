#!/bin/sh
# clang-tidy over the three rooms with the checks of .clang-tidy. Some minutes of one processor, so
# not among ctest's tests. Arguments: files; default all. Ends with 0 when it finds nothing.
set -eu
cd "$(dirname "$0")/.."
. tests/packages.sh
. tests/static/sources.sh
need_packages $BUILD_PACKAGES $TEST_PACKAGES clang clang-tidy

if [ ! -f build/tidy/compile_commands.json ]; then
    CC=clang cmake -S . -B build/tidy -DCMAKE_BUILD_TYPE=Debug -DMAILVIGIL_FAULTS=ON >/dev/null
fi
if [ $# -eq 0 ]; then
    set -- $(sources agent imapclient rules | grep '\.c$')
fi
# One file a process: clang 14 remembers too much from file to file.
status=0
for file in "$@"; do
    clang-tidy -p build/tidy --quiet "$file" 2>/dev/null || status=1
done
exit $status
