# Sourced with the root as the current directory.
# sources ROOM...: the C files in these folders; those that git tracks, where git has a say.
sources() {
    git -c safe.directory='*' ls-files -- "$@" 2>/dev/null | grep '\.[ch]$' ||
        find "$@" -name '*.[ch]' | sort
}
