"""Reading what a call runs, under the workspace: texts to be judged and hashes that bind them (DESIGN 5)."""

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from firewall.classify.state import Unread
from firewall.guard.ports import Seen

MAX_FILES = 64
MAX_BYTES = 4 << 20
MAX_TEXT_BYTES = 256 << 10
MAX_TEXTS = 16
UNREAD = "unread"


class WorkspaceFiles:
    """Reads files of a workspace that this machine sees; never follows anything out of it."""

    def seen(self, paths: Sequence[str], workspace: str) -> dict[str, Seen]:
        """Return what the files hold, in the order named; `unread`: missing, too large, special or outside.

        Larger files, what is no UTF-8 text, and all behind the first texts are hashed and not shown.
        """
        root = os.path.realpath(workspace) if workspace else ""
        is_here = bool(root) and Path(root).is_dir()
        found: dict[str, Seen] = {}
        texts = 0
        for path in list(dict.fromkeys(paths))[:MAX_FILES]:
            one = _seen(path, workspace, root) if is_here else Seen(UNREAD)
            if one.text is not None and texts >= MAX_TEXTS:
                one = Seen(one.digest, why=Unread.MANY)
            texts += one.text is not None
            found[path] = one
        return found


def _seen(path: str, workspace: str, root: str) -> Seen:
    real = os.path.realpath(path)
    if not real.startswith(root.rstrip(os.sep) + os.sep):
        within = path.startswith(workspace.rstrip(os.sep) + os.sep) and os.path.normpath(path) == path
        return Seen(UNREAD, why=Unread.LINK if within else Unread.OUTSIDE)
    try:
        # Never blocks on a pipe or device, and what is read is what was looked at.
        handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return Seen(UNREAD, why=Unread.MISSING)
    except OSError:
        return Seen(UNREAD, why=Unread.REFUSED)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return Seen(UNREAD, why=Unread.SPECIAL)
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        return Seen(UNREAD, why=Unread.BINARY if b"\0" in data[:_HEAD] else Unread.LARGE)
    text, why = _text_of(data)
    return Seen(hashlib.sha256(data).hexdigest(), text, why)


_HEAD = 8192


def _text_of(data: bytes) -> tuple[str | None, Unread | None]:
    """Return text that can be judged, or why there is none; a byte order mark is none of it."""
    if b"\0" in data:
        return None, Unread.BINARY
    if len(data) > MAX_TEXT_BYTES:
        return None, Unread.LARGE
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError:
        return None, Unread.BINARY
