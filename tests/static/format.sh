#!/bin/sh
# Every C file is as clang-format 14 (Debian 12's) writes it.
set -eu
cd "$(dirname "$0")/../.."
. tests/static/sources.sh
if ! clang-format --version; then
    echo "apt install clang-format" >&2
    exit 1
fi
sources agent imapclient rules tests | xargs clang-format --dry-run -Werror
