#!/bin/sh
# Demonstrates mailvigil in a minute: installs missing packages (as root; otherwise lists them),
# builds, starts a temporary Dovecot on loopback with TLS and its own CA, lets the agent watch three
# users, and shows the copies of an incoming and an outgoing message. Leaves nothing running.
# --keep: leaves everything running and prints how to log in.
set -eu
cd "$(dirname "$0")/.."
. tests/packages.sh
need_packages $BUILD_PACKAGES $SERVER_PACKAGES

if [ ! -f build/demo/CMakeCache.txt ] && command -v ninja >/dev/null; then
    generator="-G Ninja"
fi
echo "Building (log: build/demo.log)"
mkdir -p build
if ! { cmake -S . -B build/demo ${generator-} -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DMAILVIGIL_TESTS=OFF && cmake --build build/demo -j 2; } >build/demo.log 2>&1; then
    tail -n 40 build/demo.log >&2
    exit 1
fi
MAILVIGIL=$PWD/build/demo/agent/mailvigil PYTHONDONTWRITEBYTECODE=1
export MAILVIGIL PYTHONDONTWRITEBYTECODE
exec python3 share/demo.py "$@"
