"""How does slow work report its progress, and how is it stopped?"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Stopped(BaseException):
    """Raised inside the work when Stop was pressed; a BaseException, so that no `except Exception`
    swallows it."""


class Progress:
    """What the work calls now and then: `progress(done, of, "embedding")`. Raises Stopped when Stop
    was pressed."""

    def __init__(self, show: Callable[[float, str], None]):
        self._show, self._stop = show, threading.Event()

    def __call__(self, done: float, of: float, what: str) -> None:
        if self._stop.is_set():
            raise Stopped
        self._show(done / max(of, 1e-9), what)

    def stop(self) -> None:
        self._stop.set()
