#!/bin/bash
# The two commands on a machine where nothing was installed by hand: a bare Debian in a chroot made
# by debootstrap, as root from a 0700 directory and as an ordinary user. Takes some minutes; needs
# root, debootstrap and Debian's package mirror. Run it before a release.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "run it as root: it makes a chroot" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "run this first: apt-get install debootstrap" >&2; exit 2; }
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
root=${1:-$(mktemp -d)/bookworm}
trap 'umount "$root/proc" 2>/dev/null || true' EXIT

echo "== bare Debian in $root"
debootstrap --variant=minbase --include=python3,gcc,git,curl,ca-certificates,procps bookworm "$root"
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/"
chroot "$root" apt-get update --quiet

try() { # WHO FOLDER
    echo "== as $1 in $2"
    git clone --quiet "$source" "$root$2"
    chroot "$root" chown -R "$1" "$2"
    chroot "$root" su "$1" -s /bin/bash -c "cd '$2' && { timeout -s TERM 300 scripts/serve & }
        for _ in \$(seq 280); do curl -sf http://127.0.0.1:8080/readyz && break; sleep 1; done
        curl -sf http://127.0.0.1:8080/readyz >/dev/null && pkill -TERM -u $1 -f 'm server'; wait"
    if chroot "$root" pgrep -u "$1" -f 'postgres|m server'; then
        echo "left a process behind" >&2; exit 1
    fi
}

install -d -m 0700 "$root/root/private"
try root /root/private/murima
chroot "$root" useradd -m tester
try tester /home/tester/murima
chroot "$root" su tester -s /bin/bash -c 'cd /home/tester/murima && scripts/test -m "not acceptance" -q -x'
echo "fresh check passed"
