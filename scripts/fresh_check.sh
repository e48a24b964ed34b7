#!/bin/bash
# The two commands on a machine where nothing was installed by hand: a bare Debian in a chroot made
# by debootstrap, as root from a 0700 directory and as an ordinary user. Takes some minutes; needs
# root, debootstrap and a package mirror. Run it before a release. Its processes and mounts are in
# namespaces of their own and end with it.
#
#   scripts/fresh_check.sh [SUITE [MIRROR [COMPONENTS]]]     bookworm, the usual one, main
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "run it as root: it makes a chroot" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "run this first: apt-get install debootstrap" >&2; exit 2; }
if [ -z "${FRESH_CHECK_INSIDE:-}" ]; then
    FRESH_CHECK_INSIDE=1 exec unshare --mount --pid --fork --kill-child -- "$0" "$@"
fi
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
folder=$(mktemp -d)
suite=${1:-bookworm}
root=$folder/$suite
log=$folder/log
leave() {
    umount "$root/proc" "$root/dev/shm" 2>/dev/null || true
    rm -rf --one-file-system "$folder"
}
trap leave EXIT
trap 'exit 130' INT TERM
fail() { echo "fresh check failed: $1" >&2; [ ! -s "$log" ] || tail -n 30 "$log" >&2; exit 1; }

echo "== bare $suite in $root"
include=python3,gcc,git,curl,ca-certificates,procps
debootstrap --variant=minbase --components="${3:-main}" --include=$include \
    "$suite" "$root" ${2:+"$2"} >"$log" 2>&1 || fail "debootstrap"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
# How the host reaches the network: names, proxies, certificate authorities.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root/etc/ssl/certs/ca-certificates.crt"
apt-config dump | grep -E '^Acquire::(https?|Check|Retries)' >"$root/etc/apt/apt.conf.d/99host" || true
chroot "$root" useradd --create-home tester

# Not the usual ports, which a server of the host may have; what the caller sets comes first.
free_port() { python3 -c 'import socket as s; x = s.socket(); x.bind(("127.0.0.1", 0)); print(x.getsockname()[1])'; }
export MURIMA_HTTP__PORT=${MURIMA_HTTP__PORT:-$(free_port)}
export MURIMA_SIP__UDP_PORT=${MURIMA_SIP__UDP_PORT:-$(free_port)}
export MURIMA_SIP__TCP_PORT=${MURIMA_SIP__TCP_PORT:-$MURIMA_SIP__UDP_PORT}
mapfile -t passed < <(env | grep -iE '^(MURIMA_|(https?|no|all)_proxy=|(PIP|UV)_(DEFAULT_)?INDEX)')

as() { # WHO COMMAND, in place of this shell
    local home=/root
    [ "$1" = root ] || home=/home/$1
    exec chroot --userspec="$1:$1" "$root" env -i "${passed[@]}" HOME="$home" USER="$1" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "$2"
}

ready() { curl -sf --noproxy '*' "http://127.0.0.1:$MURIMA_HTTP__PORT/readyz" >/dev/null; }

start_and_end() { # WHO FOLDER WHICH
    local started=$EPOCHREALTIME pid code=0
    (as "$1" "cd '$2' && exec scripts/serve") >"$log" 2>&1 &
    pid=$!
    until ready; do
        kill -0 "$pid" 2>/dev/null || fail "scripts/serve ended by itself"
        [ "${EPOCHREALTIME%.*}" -lt $((${started%.*} + 600)) ] || fail "it was not ready in time"
        sleep 0.1
    done
    echo "$3 start: $(python3 -c "print(f'{$EPOCHREALTIME - $started:.1f}')") s"
    kill -TERM "$pid"
    wait "$pid" || code=$?
    [ "$code" = 0 ] || fail "it ended with $code"
    if chroot "$root" pgrep -a -f 'postgres|m server|bootstrap'; then fail "a process was left"; fi
}

try() { # WHO FOLDER
    echo "== as $1 in $2"
    git clone --quiet "$source" "$root$2"
    chroot "$root" chown -R "$1:$1" "$2"
    start_and_end "$1" "$2" first
    start_and_end "$1" "$2" second
}

install -d -m 0700 "$root/root/private"
try root /root/private/murima
try tester /home/tester/murima

echo "== scripts/test as tester"
code=0
(as tester "cd ~/murima && scripts/test --version") >"$log" 2>&1 || code=$?
command=$(sed -n 's/^murima: run this first, as root: //p' "$log")
[ "$code" = 2 ] && [ -n "$command" ] || fail "it did not say which packages the tests need"
(as root "$command") >"$log" 2>&1 || fail "the command that it printed: $command"
: >"$log"
(as tester "cd ~/murima && scripts/test -m 'not acceptance' -q -n 2 --dist loadfile") || fail "the tests"
echo "fresh check passed"
