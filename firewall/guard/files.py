"""Reading what a call runs, under the workspace: texts to be judged and hashes that bind them (DESIGN 5)."""

import hashlib
import os
import stat
from collections.abc import Sequence

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
        found: dict[str, Seen] = {}
        texts = 0
        for path in list(dict.fromkeys(paths))[:MAX_FILES]:
            data = self._read(path, workspace)
            text = _text_of(data) if data is not None and texts < MAX_TEXTS else None
            texts += text is not None
            found[path] = Seen(UNREAD if data is None else hashlib.sha256(data).hexdigest(), text)
        return found

    def _read(self, path: str, workspace: str) -> bytes | None:
        real = os.path.realpath(path)
        root = os.path.realpath(workspace) if workspace else ""
        if not root or not real.startswith(root.rstrip(os.sep) + os.sep):
            return None
        try:
            # Never blocks on a pipe or device, and what is read is what was looked at.
            handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
                return None
            data = file.read(MAX_BYTES + 1)
            return data if len(data) <= MAX_BYTES else None


def _text_of(data: bytes) -> str | None:
    """Return text that can be judged; a byte order mark is none of it."""
    if len(data) > MAX_TEXT_BYTES or b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
