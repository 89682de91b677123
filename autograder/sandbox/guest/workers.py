"""Processes of a student's own, such as the workers of a DataLoader, where a Guest has no /dev/shm.

Under sandlock files are allowed by their folder, and /dev/shm is everybody's. So a semaphore is here a counter of the
kernel's that forks inherit (eventfd(2)) and not a file, shared values lie in a file of the Guest's own folder, and
tensors go to another process as copies. Started anew (``spawn``), a process has none of this.
"""

from __future__ import annotations

import _multiprocessing
import multiprocessing.heap
import os
import select
import threading
import time
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch
import torch.multiprocessing  # it says how tensors are shared; what is said below is said after it

_RECURSIVE = 0


class Semaphore:
    """What ``_multiprocessing.SemLock`` is, as far as ``multiprocessing.synchronize`` needs it.

    As on macOS, nobody can ask for its value.
    """

    SEM_VALUE_MAX = _multiprocessing.SemLock.SEM_VALUE_MAX

    def __init__(self, kind: int, value: int, maxvalue: int, name: str, unlink: bool) -> None:
        self.kind, self.maxvalue, self.name = kind, maxvalue, None
        self.handle = os.eventfd(value, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._held, self._owner = 0, 0

    def __del__(self) -> None:
        os.close(self.handle)

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take one; whether that was possible, in so many seconds."""
        if self.kind == _RECURSIVE and self._is_mine():
            self._held += 1
            return True
        until = None if timeout is None else time.monotonic() + max(0, timeout)
        while True:
            try:
                os.eventfd_read(self.handle)
            except BlockingIOError:
                left = None if until is None else until - time.monotonic()
                if not block or (left is not None and left <= 0):
                    return False
                select.select([self.handle], [], [], left)
            else:
                self._held, self._owner = self._held + 1, threading.get_ident()
                return True

    def release(self) -> None:
        """Give one back."""
        if self.kind == _RECURSIVE:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._held > 1:
                self._held -= 1
                return
        elif self.maxvalue == 1 and not self._is_zero():
            raise ValueError("semaphore or lock released too many times")
        self._held -= 1
        os.eventfd_write(self.handle, 1)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    def _count(self) -> int:
        return self._held

    def _is_mine(self) -> bool:
        return self._held > 0 and self._owner == threading.get_ident()

    def _is_zero(self) -> bool:
        return not select.select([self.handle], [], [], 0)[0]

    def _get_value(self) -> int:
        raise NotImplementedError

    def _after_fork(self) -> None:
        self._held = 0


def do_without_shared_memory() -> None:
    """Call in the Zygote: from then on multiprocessing and torch need no /dev/shm."""
    _multiprocessing.SemLock = Semaphore
    multiprocessing.heap.Arena._dir_candidates = []  # type: ignore[attr-defined]  # then it takes the folder for temporary files
    torch.UntypedStorage._new_shared = classmethod(_new_storage)  # type: ignore[assignment]
    ForkingPickler.register(torch.UntypedStorage, _reduce_storage)
    for kind in (torch.Tensor, torch.nn.Parameter):
        ForkingPickler.register(kind, _by_value)


def _new_storage(kind: Any, size: int, *, device: object = "cpu") -> torch.UntypedStorage:
    return torch.UntypedStorage(size)


def _by_value(value: Any) -> Any:
    return value.__reduce_ex__(2)


def _reduce_storage(storage: torch.UntypedStorage) -> Any:
    return _make_storage, (bytearray(torch.empty(0, dtype=torch.uint8).set_(storage).numpy()),)


def _make_storage(content: bytearray) -> torch.UntypedStorage:
    return torch.frombuffer(content, dtype=torch.uint8).untyped_storage() if content else torch.UntypedStorage(0)
