#!/bin/sh
# Line coverage of the rooms by the unit tests alone, with gcov: a table of folders, each with what
# is below it. Ends with ctest's status.
# sh tests/coverage.sh [--files] [--missed] [ROOM...]
#   --files    a row for each file, too
#   --missed   the lines of each file that no test reaches
#   ROOM       only this folder: agent/reflect
set -eu
cd "$(dirname "$0")/.."
. tests/packages.sh
need_packages $BUILD_PACKAGES $SERVER_PACKAGES $TEST_PACKAGES

# No compiler cache: the objects hold the path where their counts go.
cmake -G Ninja -S . -B build/coverage -DCMAKE_BUILD_TYPE=Debug -DMAILVIGIL_FAULTS=ON \
    -DCMAKE_C_COMPILER=gcc -DCMAKE_C_COMPILER_LAUNCHER= -DCMAKE_C_FLAGS=--coverage >/dev/null
cmake --build build/coverage -j 2
find build/coverage -name '*.gcda' -delete
status=0
ctest --test-dir build/coverage --output-on-failure -j 2 \
    -R '^(agent|imapclient|rules)\.' || status=$?
python3 tests/coverage.py build/coverage "$@"
exit $status
