# Shared by the `build` scripts, which source this first.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)"
root="$(cd "$here/../../.." && pwd)"
language="$(basename "$here")"
tools="$root/target/tools/$language"
out="$root/target/components/examples/counter_$language.wasm"
mkdir -p "$tools" "$(dirname "$out")"

# say_version TEXT ARGUMENTS...: implements `build --version`.
say_version() {
    if [ "${2-}" = --version ]; then
        echo "$1"
        exit
    fi
}

# newer FILE PATH...: whether FILE is newer than every file in the other paths.
newer() {
    local made="$1"
    shift
    [ -e "$made" ] && [ -z "$(find -L "$@" -type f -newer "$made" -print -quit)" ]
}

# need COMMAND PACKAGE: require a command, installing its Debian package if possible.
need() {
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null
    else
        echo "missing: $1 (Debian's package $2); install it and retry" >&2
        exit 1
    fi
}

# The world and its dependencies, in $wit: the contract, and WASI from the crate wasip2. componentize-js embeds WASI
# 0.2.10 and accepts no other; hosts accept a later 0.2 for an earlier one.
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
