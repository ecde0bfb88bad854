"""Files in a folder that is reached by descriptors: what was looked at is written, whatever moves meanwhile.

INVARIANT: below the root no part of a path is followed where it is a link, and a file is written whole under
another name in the same open folder before it takes its own; a link under that name is replaced, never followed.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePath

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MAX_FILE = 16 << 20


@dataclass(frozen=True, slots=True)
class CheckedFolder:
    """An open folder."""

    number: int
    """Its descriptor."""

    def read(self, name: str) -> tuple[bytes, int] | None:
        """Return a file's contents and mode; None: there is none. Raises: OSError, also for what is no file."""
        try:
            number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.number)
        except FileNotFoundError:
            return None
        with os.fdopen(number, "rb") as file:
            about = os.fstat(number)
            if not stat.S_ISREG(about.st_mode) or about.st_size > _MAX_FILE:
                raise OSError(f"`{name}` is no file, or too large")
            return file.read(_MAX_FILE), about.st_mode & 0o777

    def write(self, name: str, data: bytes, *, mode: int) -> None:
        """Write a file whole or not at all. Raises: OSError."""
        fresh = f".{name}.{secrets.token_hex(8)}"
        try:
            self.write_new(fresh, data, mode=mode)
            os.replace(fresh, name, src_dir_fd=self.number, dst_dir_fd=self.number)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=self.number)
            raise

    def write_new(self, name: str, data: bytes, *, mode: int) -> None:
        """Write a file under a name that is free. Raises: FileExistsError where it is taken, also by a link."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=self.number), "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())


@contextmanager
def opened(root: PurePath, inside: PurePath) -> Iterator[CheckedFolder]:
    """Open the folder `inside` a root, which may itself be reached through links; what is missing is made.

    Raises: OSError, also where a part of `inside` is a link.
    """
    number = os.open(root, _FOLDER)
    try:
        for part in inside.parts:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=number)
            number = _entered(number, part)
        yield CheckedFolder(number)
    finally:
        os.close(number)


def _entered(number: int, part: str) -> int:
    """Open one folder in another, which is closed unless this fails."""
    deeper = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=number)
    os.close(number)
    return deeper
