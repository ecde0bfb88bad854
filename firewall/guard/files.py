"""Binding what a call runs by its content: hashes of files under the workspace (DESIGN 5, digest)."""

import hashlib
import os
import stat
from collections.abc import Sequence

MAX_FILES = 64
MAX_BYTES = 4 << 20
UNREAD = "unread"


class WorkspaceFiles:
    """Reads files of a workspace that this machine sees; never follows anything out of it."""

    def hashes(self, paths: Sequence[str], workspace: str) -> dict[str, str]:
        """Return path to SHA-256 hex; `unread` for what is missing, too large, special or outside."""
        found = {}
        for path in sorted(set(paths))[:MAX_FILES]:
            found[path] = self._hash(path, workspace)
        return found

    def _hash(self, path: str, workspace: str) -> str:
        real = os.path.realpath(path)
        root = os.path.realpath(workspace) if workspace else ""
        if not root or not real.startswith(root + os.sep):
            return UNREAD
        try:
            # Never blocks on a pipe or device, and what is read is what was looked at.
            handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return UNREAD
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
                return UNREAD
            return hashlib.sha256(file.read(MAX_BYTES + 1)).hexdigest()
