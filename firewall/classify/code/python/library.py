"""Functions of Python's library on known values: the ones that hide text, and the everyday ones of paths."""

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firewall.classify.decode import as_text, from_base64, from_hex, inflate

MAX_TEXT = 64 * 1024
Value = str | bytes | int | bool | None | tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A value; wrapped, because None is one too."""

    value: Value


def _first_text(given: list[Value]) -> str | None:
    first = given[0] if given else None
    if isinstance(first, bytes):
        return as_text(first)
    return first if isinstance(first, str) else None


def _decoded(reader: Callable[[str], bytes | None]) -> Callable[[list[Value]], Known | None]:
    def decode(given: list[Value]) -> Known | None:
        text = _first_text(given)
        found = reader(text) if text is not None else None
        return Known(found) if found is not None else None

    return decode


def _inflated(given: list[Value]) -> Known | None:
    found = inflate(given[0]) if given and isinstance(given[0], bytes) else None
    return Known(found) if found is not None else None


def _path(given: list[Value]) -> Known | None:
    texts = [item for item in given if isinstance(item, str)]
    if len(texts) != len(given):
        return None
    path = ""
    for text in texts:
        path = text if text.startswith("/") or not path else f"{path.rstrip('/')}/{text}"
    return Known(path or ".")


def _rot13(given: list[Value]) -> Known | None:
    text = _first_text(given)
    if text is None or len(given) != 2 or given[1] not in ("rot13", "rot_13", "hex", "base64", "utf-8", "utf8"):
        return None
    if given[1] in ("rot13", "rot_13"):
        return Known(codecs.decode(text, "rot13"))
    if given[1] in ("utf-8", "utf8"):
        return Known(text)
    found = from_hex(text) if given[1] == "hex" else from_base64(text)
    return Known(found) if found is not None else None


def _character(given: list[Value]) -> Known | None:
    ok = len(given) == 1 and isinstance(given[0], int) and 0 <= given[0] < 0x110000
    return Known(chr(given[0])) if ok and isinstance(given[0], int) else None


def _string(given: list[Value]) -> Known | None:
    if len(given) == 2 and isinstance(given[0], bytes):
        text = as_text(given[0])
        return Known(text) if text is not None else None
    return Known(str(given[0])) if len(given) == 1 and isinstance(given[0], str | int) else None


def _bytes(given: list[Value]) -> Known | None:
    if len(given) == 1 and isinstance(given[0], tuple):
        numbers = [item for item in given[0] if isinstance(item, int) and 0 <= item < 256]
        return Known(bytes(numbers)) if len(numbers) == len(given[0]) else None
    return Known(given[0].encode()) if given and isinstance(given[0], str) else None


_PLACES = {"HOME": "~", "USERPROFILE": "~", "PWD": "."}


def of_environment(name: str | None) -> Known | None:
    """Return the value of an environment variable that says where the program runs."""
    return Known(_PLACES[name]) if name in _PLACES else None


def _variable(given: list[Value]) -> Known | None:
    return of_environment(given[0]) if given and isinstance(given[0], str) else None


PURE: Mapping[str, Callable[[list[Value]], Known | None]] = {
    "base64.b64decode": _decoded(from_base64),
    "base64.urlsafe_b64decode": _decoded(lambda text: from_base64(text.replace("-", "+").replace("_", "/"))),
    "base64.standard_b64decode": _decoded(from_base64),
    "base64.decodebytes": _decoded(from_base64),
    "binascii.unhexlify": _decoded(from_hex),
    "binascii.a2b_base64": _decoded(from_base64),
    "bytes.fromhex": _decoded(from_hex),
    "bytearray.fromhex": _decoded(from_hex),
    "zlib.decompress": _inflated,
    "gzip.decompress": _inflated,
    "codecs.decode": _rot13,
    "os.path.join": _path,
    "posixpath.join": _path,
    "pathlib.Path": _path,
    "pathlib.PurePath": _path,
    "pathlib.PosixPath": _path,
    "os.path.expanduser": lambda given: Known(given[0]) if given and isinstance(given[0], str) else None,
    "os.path.abspath": lambda given: Known(given[0]) if given and isinstance(given[0], str) else None,
    "os.fspath": lambda given: Known(given[0]) if given and isinstance(given[0], str) else None,
    "pathlib.Path.home": lambda _given: Known("~"),
    "pathlib.Path.cwd": lambda _given: Known("."),
    "os.getenv": _variable,
    "os.environ.get": _variable,
    "os.getcwd": lambda _given: Known("."),
    "chr": _character,
    "str": _string,
    "bytes": _bytes,
    "bytearray": _bytes,
    "shlex.split": lambda _given: None,
    "textwrap.dedent": lambda given: Known(given[0]) if given and isinstance(given[0], str) else None,
    "sqlalchemy.text": lambda given: Known(given[0]) if given and isinstance(given[0], str) else None,
}


def method(owner: Value, name: str, given: list[Value]) -> Known | None:
    """Return what a method of a text gives; None where it is not followed."""
    if isinstance(owner, bytes) and name == "decode":
        text = as_text(owner)
        return Known(text) if text is not None else None
    if not isinstance(owner, str):
        return None
    texts = [item for item in given if isinstance(item, str)]
    if name == "join" and len(given) == 1 and isinstance(given[0], tuple | str):
        parts = [item for item in given[0] if isinstance(item, str)]
        return Known(owner.join(parts)) if len(parts) == len(given[0]) else None
    if name == "joinpath":
        return _path([owner, *given])
    if len(texts) != len(given):
        return None
    return _text_method(owner, name, texts)


def _text_method(owner: str, name: str, texts: list[str]) -> Known | None:
    if name == "format" and owner.count("{}") == len(texts) and owner.count("{") == len(texts):
        return Known(owner.format(*texts))
    if name == "replace" and len(texts) == 2:
        return Known(owner.replace(texts[0], texts[1]))
    if name == "split" and len(texts) <= 1:
        return Known(tuple(owner.split(texts[0] if texts else None))) if texts != [""] else None
    simple: dict[str, Callable[[], Value]] = {
        "strip": lambda: owner.strip(*texts[:1]),
        "lower": owner.lower,
        "upper": owner.upper,
        "encode": lambda: owner.encode("utf-8", "replace"),
        "expanduser": lambda: owner,
        "resolve": lambda: owner,
        "absolute": lambda: owner,
        "as_posix": lambda: owner,
        "swapcase": owner.swapcase,
    }
    return Known(simple[name]()) if name in simple else None
