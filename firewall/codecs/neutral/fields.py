"""Reading the fields of a client's request, each by the type that it must have, with errors that name its path."""

from collections.abc import Iterator, Mapping
from typing import NoReturn

from firewall.core.errors import ProtocolError

Json = Mapping[str, object]


def wrong(path: str, must: str) -> NoReturn:
    """Refuse a field.

    Raises: ProtocolError (400) `invalid_request`, always.
    """
    raise ProtocolError(f"`{path}` must be {must}")


def text(value: Json, key: str, where: str = "") -> str:
    """Return a string that must be there.

    Raises: ProtocolError as `wrong`.
    """
    found = value.get(key)
    if not isinstance(found, str):
        wrong(at(where, key), "a string")
    return found


def optional_text(value: Json, key: str, where: str = "") -> str:
    """Return a string, empty where it is null or missing.

    Raises: ProtocolError as `wrong`.
    """
    return "" if value.get(key) is None else text(value, key, where)


def flag(value: Json, key: str, where: str = "") -> bool | None:
    """Return true or false, None where it is null or missing.

    Raises: ProtocolError as `wrong`.
    """
    found = value.get(key)
    if found is not None and not isinstance(found, bool):
        wrong(at(where, key), "true or false")
    return found


def whole(value: Json, key: str, where: str = "") -> int | None:
    """Return an integer, None where it is null or missing.

    Raises: ProtocolError as `wrong`.
    """
    found = value.get(key)
    if found is not None and type(found) is not int:
        wrong(at(where, key), "an integer")
    return found if type(found) is int else None


def number(value: Json, key: str, where: str = "") -> float | None:
    """Return a number, None where it is null or missing.

    Raises: ProtocolError as `wrong`.
    """
    found = value.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        wrong(at(where, key), "a number")
    return found


def table(value: Json, key: str, where: str = "") -> Json:
    """Return an object that must be there.

    Raises: ProtocolError as `wrong`.
    """
    found = value.get(key)
    if not isinstance(found, Mapping):
        wrong(at(where, key), "an object")
    return found


def optional_table(value: Json, key: str, where: str = "") -> Json | None:
    """Return an object, None where it is null or missing.

    Raises: ProtocolError as `wrong`.
    """
    return None if value.get(key) is None else table(value, key, where)


def tables(value: Json, key: str, where: str = "") -> Iterator[tuple[str, Json]]:
    """Yield (path, object) of a list of objects; nothing where it is null or missing.

    Raises: ProtocolError as `wrong`.
    """
    found = value.get(key)
    if found is None:
        return
    path = at(where, key)
    if not isinstance(found, list):
        wrong(path, "a list")
    for index, one in enumerate(found):
        if not isinstance(one, Mapping):
            wrong(f"{path}.{index}", "an object")
        yield f"{path}.{index}", one


def texts(value: Json, key: str, where: str = "") -> tuple[str, ...]:
    """Return a list of strings, empty where it is null or missing.

    Raises: ProtocolError as `wrong`.
    """
    found = value.get(key)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        wrong(at(where, key), "a list of strings")
    return tuple(found)


def at(where: str, key: str) -> str:
    """Return the path of a member."""
    return f"{where}.{key}" if where else key
