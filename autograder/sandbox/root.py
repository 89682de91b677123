"""A grader that is root: its Guests are another user for the kernel, who owns nothing on the machine.

Else they would own what root owns: device nodes could be changed through them, and files whose owner may set flags.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable, Iterator

ZYGOTE, GUEST = 999, 1000
"""Who they are inside of the user namespace. Without one, the Zygote has the number of a Guest."""

NOBODY = range(65_000, 65_534)
"""Who a Guest may be outside. Debian reserves these numbers and gives them to nobody."""


def nobody() -> int:
    """Who the Guests of this process are outside. Those of another are others, as far as the numbers last.

    So they share nothing of what the kernel counts for each user: watches of epoll, files on their way in sockets.
    """
    return NOBODY[os.getpid() % len(NOBODY)]


@contextlib.contextmanager
def user_namespace() -> Iterator[int | None]:
    """A user namespace that knows root, for the Zygote, and nobody, for Guests: a descriptor for bubblewrap.

    None where the grader is not root, or a root without other users, as in some containers.
    """
    if os.geteuid() != 0:
        yield None
        return
    with subprocess.Popen(["unshare", "--user", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        try:
            holder.stdin.write(b".")
            holder.stdin.flush()
            holder.stdout.read(1)  # cat answers: the namespace is there
            for kind in ("uid_map", "gid_map"):
                with open(f"/proc/{holder.pid}/{kind}", "w") as file:
                    file.write(f"{ZYGOTE} 0 1\n{GUEST} {nobody()} 1\n")
            namespace = os.open(f"/proc/{holder.pid}/ns/user", os.O_RDONLY)
        except (BrokenPipeError, FileNotFoundError, PermissionError):
            yield None
            return
        finally:
            with contextlib.suppress(BrokenPipeError):
                holder.stdin.close()
    try:
        yield namespace
    finally:
        os.close(namespace)


def other_user(paths: Iterable[str]) -> int | None:
    """Who a Guest under sandlock can be where the grader is root and another could read all of these paths.

    Else None: it stays who the grader is.
    """
    if os.geteuid() != 0:
        return None
    user = nobody()
    test = 'for path in "$@"; do test -r "$path" || exit 1; done'
    done = subprocess.run(
        ["/bin/sh", "-c", test, "sh", *paths], user=user, group=user, extra_groups=[], cwd="/", check=False
    )
    return user if done.returncode == 0 else None
