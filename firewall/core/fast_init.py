"""Constructors of frozen dataclasses at the price of ordinary ones.

`dataclasses` gives a frozen class an `__init__` that calls `object.__setattr__` once for every field (about 110 ns
each), for a plain assignment would be refused. What is built for every request is built here instead: the new
object is for a moment of a twin class, which has the same slots and lets assignments through (35 ns each), and
turns frozen before anybody else holds it. What stays of it is an ordinary frozen dataclass: equality, hash,
`replace`, `fields`, signature and errors are unchanged.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

T = TypeVar("T")

_AS_CLASS = object.__dict__["__class__"].__set__
"""Gives an object another class of the same layout, past the `__setattr__` of a frozen one."""


def fast_init(cls: type[T]) -> type[T]:
    """Give a frozen slotted dataclass without bases its fast constructor; to be stacked above `@dataclass`.

    Raises: TypeError when the class is none, has bases (their slots and their refusal to be assigned would be
    inherited), or when it is derived from later (an object would turn into one of the parent class).
    """
    parameters = getattr(cls, "__dataclass_params__", None)
    if (
        parameters is None
        or not parameters.frozen
        or "__slots__" not in cls.__dict__
        or cls.__bases__ != (object,)
    ):
        raise TypeError(f"fast_init: {cls.__name__} is no frozen slotted dataclass without bases")
    made = cls.__init__
    twin = type(cls.__name__, (), {"__slots__": cls.__slots__, "__module__": cls.__module__})  # type: ignore[attr-defined]  # slots=True adds them
    known: dict[str, Any] = {"_as_class": _AS_CLASS, "_twin": twin, "_frozen": cls, "_missing": MISSING}
    source = _source(fields(cls), known, posts=hasattr(cls, "__post_init__"))  # type: ignore[arg-type]  # a dataclass, as seen above
    exec(source, known)  # noqa: S102  # names of fields are identifiers; values are bound, as dataclasses does it
    fast: Callable[..., None] = known["__init__"]
    fast.__qualname__, fast.__module__ = made.__qualname__, made.__module__
    fast.__annotations__, fast.__doc__ = made.__annotations__, made.__doc__
    cls.__init__ = fast  # type: ignore[method-assign]  # the point of it
    cls.__init_subclass__ = classmethod(_refuse)  # type: ignore[assignment]  # after slots=True made the class anew
    return cls


def _refuse(cls: type, /, **_more: object) -> None:
    raise TypeError(
        f"{cls.__name__} derives from a class with fast_init: its objects would turn into the parent's"
    )


def _source(all_fields: "tuple[Field[Any], ...]", known: dict[str, Any], *, posts: bool) -> str:
    """Return the text of `__init__`, and bind in `known` the defaults that it names."""
    positional, by_name, body = ["self"], list[str](), list[str]()
    for one in all_fields:
        name, default, factory = one.name, f"_d_{one.name}", f"_f_{one.name}"
        known |= {default: one.default, factory: one.default_factory}
        made = one.default_factory is not MISSING
        if one.init:
            given = f"{name}=_missing" if made else name if one.default is MISSING else f"{name}={default}"
            (by_name if one.kw_only else positional).append(given)
            body.append(
                f"self.{name} = {factory}() if {name} is _missing else {name}" if made else f"self.{name} = {name}"
            )
        elif made or one.default is not MISSING:
            body.append(f"self.{name} = {factory}()" if made else f"self.{name} = {default}")
    listed = ", ".join([*positional, *(["*", *by_name] if by_name else [])])
    lines = [
        "_as_class(self, _twin)",
        *body,
        "self.__class__ = _frozen",
        *(["self.__post_init__()"] if posts else []),
    ]
    return f"def __init__({listed}):\n    " + "\n    ".join(lines) + "\n"
