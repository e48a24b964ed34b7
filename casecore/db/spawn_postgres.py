"""Becomes a PostgreSQL program of another user that ends with its parent; run as a script.

`python -I -S spawn_postgres.py PARENT UID GID SIGNAL PROGRAM ARGUMENT...` (UID 0: stay who we are).

A program of its own, because this must happen between fork and exec, where a process with threads
may not run Python; and because the kernel forgets the death signal whenever the user changes, so
that the order matters: user first, then the signal, then exec, which keeps it.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, uid, gid, death_signal = map(int, sys.argv[1:5])
    program = sys.argv[5:]
    if uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if death_signal:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)  # it ended before the signal was set
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
