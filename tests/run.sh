#!/bin/sh
# The one test command: installs what is missing (as root; else names it), compiles with each
# compiler in each build type (tests/compile.sh), builds with AddressSanitizer and
# UndefinedBehaviorSanitizer, runs every test. Ends with ctest's status.
# Arguments go to ctest, and then nothing is compiled but what is tested: sh tests/run.sh -R unit
set -eu
cd "$(dirname "$0")/.."
. tests/packages.sh
need_packages $BUILD_PACKAGES $SERVER_PACKAGES $TEST_PACKAGES
if [ -x /usr/sbin/sendmail ] && [ ! -x /usr/sbin/postfix ]; then
    echo "Another MTA is installed: the tests on Postfix will be skipped" >&2
else
    need_packages $MTA_PACKAGES || echo "The tests on Postfix will be skipped" >&2
fi
unpack_packages build/unpacked $UNPACKED_PACKAGES ||
    echo "The tests on Cyrus and Courier will be skipped" >&2
unpack_packages build/unpacked-exim $UNPACKED_MTA_PACKAGES ||
    echo "The tests on Exim will be skipped" >&2
unpack_packages build/unpacked-tools $TOOL_PACKAGES ||
    echo "The tests with promtool will be skipped" >&2

[ $# -gt 0 ] || sh tests/compile.sh

if [ ! -f build/sanitize/CMakeCache.txt ] && command -v ninja >/dev/null; then
    cmake --preset sanitize -G Ninja
else
    cmake --preset sanitize
fi
cmake --build build/sanitize -j 2

# Two at a time: the system tests wait more than they compute.
exec ctest --test-dir build/sanitize --output-on-failure -j 2 "$@"
