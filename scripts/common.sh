# Sourced by the other scripts: where things are, and what a Debian still needs.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # For those who source this.
target=${CARGO_TARGET_DIR:-$root/target}
cd "$root" || exit
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# need PROGRAM PACKAGE [PROGRAM PACKAGE]...: installs what is not there, or fails.
need() {
    local missing=()
    while [ $# -gt 0 ]; do
        command -v "$1" > /dev/null || missing+=("$2")
        shift 2
    done
    [ ${#missing[@]} -eq 0 ] || install "${missing[@]}" >&2
}

# install PACKAGE...: without starting the services that come with some of them.
install() {
    local policy=/usr/sbin/policy-rc.d made='' status=0
    echo "installing $*"
    [ -e $policy ] || made=$policy
    [ -z "$made" ] || { printf '#!/bin/sh\nexit 101\n' > "$made" && chmod +x "$made"; }
    apt-get update && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@" || status=$?
    [ -z "$made" ] || rm "$made"
    return $status
}

# What the virtual machines are made of.
need_vm() {
    if [ "$(id -u)" != 0 ]; then
        echo "$0: a network namespace and a virtual machine need root" >&2
        return 1
    fi
    need ip iproute2 nsenter util-linux linux.uml user-mode-linux modprobe kmod \
        mount.nfs4 nfs-common iptables-legacy iptables mkfs.ext4 e2fsprogs setpriv util-linux
    /usr/bin/python3 -c 'import fcntl, mmap, sqlite3' 2> /dev/null || install python3 >&2
}

# need_python: what a virtual environment is made with.
need_python() {
    /usr/bin/python3 -c 'import ensurepip, venv' 2> /dev/null || install python3 python3-venv >&2
}

# The server and the lab, as they are in the sources now.
build_vm() {
    cargo build --release --quiet --package localefs --package localefs-integration \
        --bin localefs --bin localefs-lab
}

# The version that the next release has.
version() {
    sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1
}

# The image's files in target/image: one static binary, and directories that anyone may use.
# glibc's allocator stays, which is why it is not musl. Two megabytes are saved by an address that
# is known and by having functions that are alike once.
build_static() {
    cargo rustc --release --quiet --package localefs --bin localefs -- \
        -C target-feature=+crt-static -C strip=symbols \
        -C relocation-model=static -C link-arg=-Wl,--icf=all
    rm -rf "$target/image"
    mkdir -p "$target/image/usr/bin" "$target/image/data"
    chmod 1777 "$target/image/data"
    cp "$target/release/localefs" "$target/image/usr/bin/"
    # What is not static would not start in an empty image.
    if LC_ALL=C grep --quiet --text '/ld-linux-' "$target/image/usr/bin/localefs"; then
        echo "$target/image/usr/bin/localefs is not static" >&2
        return 1
    fi
}

# cargo_tool NAME VERSION: a program that cargo installs, in target/tools/bin.
cargo_tool() {
    grep -q "\"$1 $2 " "$target/tools/.crates.toml" 2> /dev/null ||
        cargo install --quiet --locked --root "$target/tools" "$1@$2"
}
