"""Arguments of a tool call as its bytes: how much of them is read, strictly, and which of them is the text."""

import re
from collections.abc import Mapping
from functools import lru_cache

from firewall.core.strict_json import loads_object

MAX_ARGUMENT_BYTES = 4 * 1024 * 1024
"""Arguments of a call; what is longer is not read."""
MAX_VALUES = 64 * 1024
"""Lists and objects in the arguments of a call: making each of them costs more than reading its bytes."""
MAX_VECTOR = 2000
"""Words of a command that is given as a list; the readers of shell text stop before."""
_KEPT_BYTES = 16 * 1024
"""Longer arguments are parsed again by each who reads them: they would be kept for longer than their call."""
_LONG_NUMBER = re.compile(rb"[:\[,][ \t\r\n]*(-?[0-9][0-9.eE+-]{15,})")


def read_arguments(arguments: bytes) -> Mapping[str, object]:
    """Return arguments, parsed strictly; nobody changes them. Raises: ProtocolError as `loads_object`."""
    return _read_short(arguments) if len(arguments) <= _KEPT_BYTES else loads_object(arguments, what="arguments")


@lru_cache(maxsize=4)
def _read_short(arguments: bytes) -> Mapping[str, object]:
    """Do it once for all who read the arguments of the call that is being judged."""
    return loads_object(arguments, what="arguments")


def long_numbers(arguments: bytes) -> bytes:
    """Return the numbers that a double does not hold as they are written: two of them are read as the same."""
    found = _LONG_NUMBER.findall(arguments)
    return b"\n" + b"\n".join(found) if found else b""


def why_unread(arguments: bytes) -> str:
    """Return why arguments are not read, or an empty text."""
    if len(arguments) > MAX_ARGUMENT_BYTES:
        return "arguments that are too long to read"
    if len(arguments) > MAX_VALUES and arguments.count(b"[") + arguments.count(b"{") > MAX_VALUES:
        return "arguments of too many parts to read"
    return ""


def bare_name(name: str) -> str:
    """Drop the namespace that Codex puts in front of its own tools."""
    return name.removeprefix("functions/")


def first_text(arguments: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """Return the first argument that is there: empty when none is, None when it is no text."""
    for name in names:
        value = arguments.get(name)
        if value is None:
            continue
        if isinstance(value, list) and len(value) > MAX_VECTOR:
            return None
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return _command_line([str(item) for item in value])
        return value if isinstance(value, str) else None
    return ""


def _command_line(words: list[str]) -> str:
    """Write an argument vector as a line: `["bash", "-lc", "ls"]` is `bash -lc 'ls'`."""
    return " ".join(
        word
        if word and all(char.isalnum() or char in "-_./=:,@%+" for char in word)
        else "'" + word.replace("'", "'\\''") + "'"
        for word in words
    )
