#!/bin/sh
# kill -9 at random moments while 500 messages flow, five rounds; every message must be in its
# target exactly once. sh tests/crash_storm.sh [--messages N] [--rounds N] [--seed N]
set -eu
cd "$(dirname "$0")/.."
MAILVIGIL=${MAILVIGIL:-$PWD/build/sanitize/agent/mailvigil}
export MAILVIGIL PYTHONDONTWRITEBYTECODE=1
exec python3 tests/system/31-crash-storm.py --messages 500 --rounds 5 "$@"
