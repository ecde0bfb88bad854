"""Whether what a server says of its tools was seen over one line, and lately enough to be believed.

What a server offers can change without a word: a program is started anew, a session begins, a server over HTTP is
replaced. INVARIANT: over a line whose list was not seen whole, that said since that it changed, or whose list is
older than `FRESH_S`, no tool is called before its definition was held against its pin again, and never one that
the list does not name.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import cast

from firewall.codecs.mcp.messages import Message
from firewall.gates.mcp.pacing import Pace

FRESH_S = 300.0


class Listed:
    """What is known of the list of tools behind one line."""

    __slots__ = ("_at", "_names", "_now", "changes", "one", "pace")

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: seconds of a clock that never goes back."""
        self._now = now
        self._at: float | None = None
        self._names: frozenset[str] = frozenset()
        self.changes = 0
        """How often the server said that its tools changed."""
        self.one = asyncio.Lock()
        """Held by whoever lists them: one at a time."""
        self.pace = Pace(now)
        """How fast its server may make us list them."""

    @property
    def is_fresh(self) -> bool:
        """The list was seen whole, and nothing tells of another one."""
        return self._at is not None and self._now() - self._at < FRESH_S

    def changed(self) -> None:
        """Note that the server said so."""
        self.changes += 1
        self._at = None

    def seen(self, changes: int, tools: Iterable[object]) -> None:
        """Note that all of it was held against its pins; `changes`: as it stood when it was asked for."""
        if changes == self.changes:
            self._at = self._now()
            names = (tool.get("name") for tool in tools if isinstance(tool, dict))
            self._names = frozenset(name for name in names if isinstance(name, str))

    def has(self, name: str) -> bool:
        """Tell whether the list names a tool, as far as it is to be believed."""
        return self.is_fresh and name in self._names


def tools_of(answer: Message) -> list[object]:
    """Return what a server lists in answer to `tools/list`; nothing where it gave no list."""
    found = answer.result.get("tools")
    return cast("list[object]", found) if isinstance(found, list) else []
