# Sourced by tests/run.sh and share/demo.sh: Debian's packages for what this project needs.
# need_packages PACKAGE...: installs what is missing as root; else names it and fails.
# unpack_packages DIRECTORY PACKAGE...: the files of packages that Debian does not let stand beside
# those of SERVER_PACKAGES, below the directory; the libraries they need are installed.

BUILD_PACKAGES="gcc libc6-dev cmake ninja-build pkg-config libevent-dev libssl-dev libetpan-dev
libconfuse-dev libsqlite3-dev libpcre2-dev libutf8proc-dev"
SERVER_PACKAGES="dovecot-imapd dovecot-lmtpd dovecot-sieve openssl python3"
TEST_PACKAGES="git libcmocka-dev libgmime-3.0-dev dovecot-pop3d isync mandoc sqlite3 clang clang-format
cppcheck faketime libclang-rt-dev"
# Only where no other MTA is installed, which it would take the place of.
MTA_PACKAGES="postfix"
UNPACKED_PACKAGES="cyrus-imapd cyrus-common sasl2-bin
courier-imap courier-base courier-authlib courier-authlib-userdb gamin"
# Debian has one MTA a machine: the second one is unpacked, too, beside the others' files.
UNPACKED_MTA_PACKAGES="exim4-daemon-light exim4-base"
# promtool, which judges metrics and alert rules: unpacked as well, or a Prometheus would run.
TOOL_PACKAGES="prometheus"

need_packages() {
    command -v dpkg-query >/dev/null || return 0
    missing=
    for package in "$@"; do
        case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) in
        "install ok installed") ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -z "$missing" ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "Packages are missing. As root: apt-get install$missing" >&2
        return 1
    fi
    echo "Installing$missing"
    # A package may start a server at once: no service may start here.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made_policy=yes
    fi
    if apt-get -qq update >/dev/null &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 \
            --no-install-recommends install -y $missing >/dev/null; then
        result=0
    else
        echo "apt-get could not install:$missing" >&2
        result=1
    fi
    [ "${made_policy-}" = yes ] && rm -f $policy
    return $result
}

download_packages() {
    apt-get -qq download "$@" >/dev/null 2>&1 ||
        { apt-get -qq update && apt-get -qq download "$@"; } >/dev/null 2>&1
}

unpack_packages() {
    command -v dpkg-deb >/dev/null || return 0
    directory=$1
    shift
    [ "$(cat "$directory/.packages" 2>/dev/null)" = "$*" ] && return 0
    echo "Unpacking" $*
    rm -rf "$directory"
    mkdir -p "$directory/.deb"
    if ! (cd "$directory/.deb" && download_packages "$@"); then
        echo "apt-get could not download them" >&2
        return 1
    fi
    libraries=
    for file in "$directory"/.deb/*.deb; do
        dpkg-deb -x "$file" "$directory"
        # What only a virus scanner and a messenger of Cyrus and the pages of Prometheus need is
        # not for us.
        libraries="$libraries $(dpkg-deb -f "$file" Depends | tr ',' '\n' |
            sed -n 's/^ *\(lib[^ |]*\).*/\1/p' | grep -v -e libclamav -e libzephyr -e libjs-)"
    done
    rm -r "$directory/.deb"
    need_packages $libraries || return 1
    echo "$*" >"$directory/.packages"
}
