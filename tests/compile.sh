#!/bin/sh
# Everything compiles without a warning: with each compiler in each build type, with and without
# tests, the benches and the fuzz targets too. About three minutes on two processors. Arguments:
# compilers; default gcc and clang. Ends with 0 when all is well.
set -eu
cd "$(dirname "$0")/.."
. tests/packages.sh
need_packages $BUILD_PACKAGES $TEST_PACKAGES
[ $# -gt 0 ] || set -- gcc clang

# attempt DIRECTORY COMMAND...: the command, whose output is shown only when it fails.
attempt() {
    log=build/compile/$1.log
    shift
    "$@" >"$log" 2>&1 && return
    tail -n 60 "$log" >&2
    echo "Failed: $*" >&2
    return 1
}

# compile DIRECTORY TARGETS OPTION...
compile() {
    directory=$1
    targets=$2
    shift 2
    attempt "$directory" cmake -G Ninja -S . -B "build/compile/$directory" "$@"
    attempt "$directory" cmake --build "build/compile/$directory" -j 2 --target $targets
}

mkdir -p build/compile
for compiler in "$@"; do
    common="-DCMAKE_C_COMPILER=$compiler -DMAILVIGIL_WERROR=ON"
    for type in Debug RelWithDebInfo Release; do
        echo "Compiling with $compiler: $type"
        faults=OFF
        [ $type = Debug ] && faults=ON
        compile "$compiler-$type" "all bench_parked bench_stream" $common \
            -DCMAKE_BUILD_TYPE=$type -DMAILVIGIL_FAULTS=$faults -DMAILVIGIL_TESTS=ON
        # The same objects again: what is compiled does not differ, what is configured does.
        compile "$compiler-$type" all -DMAILVIGIL_TESTS=OFF
    done
    # The benches that are compiled by hand.
    attempt "$compiler-bench" "$compiler" -fsyntax-only -std=c17 -D_GNU_SOURCE -I. -Itests/unit \
        -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Werror tests/bench/*.c
    case $compiler in
    *clang*)
        echo "Compiling with $compiler: fuzz targets"
        compile "$compiler-fuzz" tests/fuzz/all $common \
            -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMAILVIGIL_FUZZ=ON
        ;;
    esac
done
