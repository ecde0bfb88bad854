"""The real server as talkative as it can be made: every logger at debug, tracebacks with locals.

SIGUSR1 dumps the stacks (faulthandler); SIGUSR2 writes the repr of what is alive and ours to LOUD_FILE.
"""

import dataclasses
import faulthandler
import gc
import logging
import os
import signal
import sys
import traceback
from collections import Counter
from pathlib import Path
from types import FrameType

from pydantic import BaseModel

from firewall.cli.main import main

MOST = 1 << 20
"""Characters about objects of one kind; what is read from policies is large."""


class LocalsFormatter(logging.Formatter):
    """Writes an exception with the locals of each of its frames."""

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's own name
        """Return the traceback."""
        error = ei[1] if isinstance(ei, tuple) else None
        if not isinstance(error, BaseException):
            return ""
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


class LoudLogger(logging.Logger):
    """Our own logger, whatever the program wants of it: everything, and also through the handlers of the root."""

    @property
    def propagate(self) -> bool:
        """Tell the handlers of the root as well."""
        return True

    @propagate.setter
    def propagate(self, value: bool) -> None:
        pass

    def setLevel(self, level: int | str) -> None:  # noqa: ARG002,N802 - logging's own name; the level stays
        """Stay at debug."""
        super().setLevel(logging.DEBUG)


def _is_ours(module: str) -> bool:
    """Tell whether objects of a module could hold a secret: what is read from policies is large and public."""
    return module.startswith(("firewall", "audit")) and not module.startswith(
        ("firewall.classify", "firewall.policy")
    )


def show(_signal: int, _frame: FrameType | None) -> None:
    """Write the repr of everything of ours."""
    said: list[str] = []
    gc.unfreeze()  # the server puts what it started with out of the collector's sight
    written: Counter[type] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        if written[kind] > MOST or not _is_ours(str(kind.__module__)):
            continue
        if dataclasses.is_dataclass(one) or isinstance(one, BaseModel) or "__repr__" in vars(kind):
            try:
                said.append(f"{kind.__module__}.{kind.__qualname__} {one!r} {one!s}")
            except (AttributeError, RuntimeError):  # half made, or changed meanwhile
                continue
            written[kind] += len(said[-1])
    path = Path(os.environ["LOUD_FILE"])
    path.with_suffix(".part").write_text("\n".join(said), encoding="utf-8", errors="backslashreplace")
    path.with_suffix(".part").rename(path)


if __name__ == "__main__":
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LocalsFormatter("%(name)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])
    ours = logging.getLogger("stayhand")
    ours.__class__ = LoudLogger
    ours.setLevel(logging.INFO)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    signal.signal(signal.SIGUSR2, show)
    main(sys.argv[1:])
