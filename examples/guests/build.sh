# What the scripts `build` have in common. Each is run by its name, and sources this first.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)"
root="$(cd "$here/../../.." && pwd)"
language="$(basename "$here")"
tools="$root/target/tools/$language"
out="$root/target/components/examples/counter_$language.wasm"
mkdir -p "$tools" "$(dirname "$out")"

# say_version TEXT ARGUMENTS...: what `build --version` is for.
say_version() {
    if [ "${2-}" = --version ]; then
        echo "$1"
        exit
    fi
}

# Whether $1 is newer than all the other files, and what is in the other directories.
newer() {
    local made="$1"
    shift
    [ -e "$made" ] && [ -z "$(find -L "$@" -type f -newer "$made" -print -quit)" ]
}

# need COMMAND PACKAGE: have a command, from a Debian package when we may install one.
need() {
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null
    else
        echo "missing: $1 (Debian's package $2); install it and run this again" >&2
        exit 1
    fi
}

# The world and all that it names, in $wit: the contract, and WASI as the crate wasip2 has it. componentize-js has 0.2.10 of
# WASI inside and takes no other; hosts take a later 0.2 for an earlier one.
wit="$tools/wit"
make_wit() {
    local crate
    crate="$(cargo metadata --locked --format-version 1 --manifest-path "$root/Cargo.toml" |
        grep -o '[^"]*/wasip2-[^"/]*/Cargo.toml' | head -n 1)"
    rm -rf "$wit"
    mkdir -p "$wit/deps"
    cp "$here/../wit/counter.wit" "$wit"
    cp -R "$root/wit" "$wit/deps/sessions"
    for package in "$(dirname "$crate")"/wit/deps/*.wit; do
        sed -e 's/@0\.2\.[0-9]*/@0.2.10/g' -e 's/(version = [0-9.]*)/(version = 0.2.0)/' "$package" >"$wit/deps/$(basename "$package")"
    done
}
