"""Constructors of frozen dataclasses at the price of ordinary ones.

`dataclasses` gives a frozen class an `__init__` that calls `object.__setattr__` once for every field (about 110 ns
each), for a plain assignment would be refused. What is built for every request is built here instead: the new
object is for a moment of a twin class, which has the same slots and lets assignments through (35 ns each), and
turns frozen before anybody else holds it. What stays of it is an ordinary frozen dataclass: equality, hash,
`replace`, `fields`, signature and errors are unchanged.

`maker` gives what a constructor makes by a plain function: calling a class goes through C and back, and through a
dictionary where anything is named, which costs more than all the assignments (3,600 instructions and 7,000 with
six names; of the function 2,200 and 3,400).
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
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
    known: dict[str, Any] = {"_as_class": _AS_CLASS, "_twin": _twin(cls), "_frozen": cls}
    listed, body = _source(cls, known)
    fast = _compiled(["self", *listed], ["_as_class(self, _twin)", *body, *_ended(cls)], known)
    fast.__qualname__, fast.__module__ = made.__qualname__, made.__module__
    fast.__annotations__, fast.__doc__ = made.__annotations__, made.__doc__
    cls.__init__ = fast  # type: ignore[method-assign]  # the point of it
    cls.__init_subclass__ = classmethod(_refuse)  # type: ignore[assignment]  # after slots=True made the class anew
    return cls


def maker(cls: Callable[P, T]) -> Callable[P, T]:
    """Return a function that makes what the constructor of a slotted dataclass without bases makes.

    Raises: TypeError when the class is none, or is frozen without `fast_init`: its objects would be one's own
    only if nothing was derived from it.
    """
    parameters = getattr(cls, "__dataclass_params__", None)
    if not isinstance(cls, type) or parameters is None or "__slots__" not in cls.__dict__:
        raise TypeError(f"maker: {cls} is no slotted dataclass")
    is_fast = "__init_subclass__" in cls.__dict__
    if cls.__bases__ != (object,) or (parameters.frozen and not is_fast):
        raise TypeError(f"maker: {cls.__name__} has bases, or is frozen without fast_init")
    known: dict[str, Any] = {"_new": object.__new__, "_frozen": cls}
    known["_twin"] = _twin(cls) if parameters.frozen else cls
    listed, body = _source(cls, known)
    ended = _ended(cls) if parameters.frozen else _ended(cls)[1:]
    made = _compiled(listed, ["self = _new(_twin)", *body, *ended, "return self"], known)
    made.__qualname__ = made.__name__ = f"maker.{cls.__name__}"
    made.__module__, made.__doc__ = cls.__module__, cls.__doc__
    return made


def replacer(cls: type[T], *names: str) -> Callable[..., T]:
    """Return a function that does what `dataclasses.replace` does with these fields, all of them given each time.

    It takes the object, then the fields' new values in the order of `names`, or by name. Every other field is
    copied, also one that the class is given later.
    Raises: TypeError when the class has no `fast_init`, a constructor that works something out, or no such field.
    """
    if "__init_subclass__" not in cls.__dict__ or not hasattr(cls, "__dataclass_params__"):
        raise TypeError(f"replacer: {cls.__name__} has no fast_init")
    all_fields: tuple[Field[Any], ...] = fields(cls)  # type: ignore[arg-type]  # as seen above
    known_names = [one.name for one in all_fields]
    if hasattr(cls, "__post_init__") or not all(one.init for one in all_fields):
        raise TypeError(f"replacer: the constructor of {cls.__name__} works something out")
    if not names or not set(names) <= set(known_names):
        raise TypeError(f"replacer: {cls.__name__} has not all of the fields {', '.join(names)}")
    known: dict[str, Any] = {"_new": object.__new__, "_frozen": cls, "_twin": _twin(cls)}
    body = [f"self.{name} = {name if name in names else f'_one.{name}'}" for name in known_names]
    made = _compiled(["_one", "/", *names], ["self = _new(_twin)", *body, *_ended(cls), "return self"], known)
    made.__qualname__ = made.__name__ = f"replacer.{cls.__name__}"
    made.__module__, made.__doc__ = cls.__module__, f"Return one with other {', '.join(names)}."
    return made


def _refuse(cls: type, /, **_more: object) -> None:
    raise TypeError(
        f"{cls.__name__} derives from a class with fast_init: its objects would turn into the parent's"
    )


def _twin(cls: type) -> type:
    """Return a class with the same slots that lets assignments through."""
    slots = cls.__dict__["__slots__"]
    return type(cls.__name__, (), {"__slots__": slots, "__module__": cls.__module__})


def _ended(cls: type) -> list[str]:
    posts = ["self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    return ["self.__class__ = _frozen", *posts]


def _compiled(listed: list[str], lines: list[str], known: dict[str, Any]) -> Callable[..., Any]:
    source = f"def __init__({', '.join(listed)}):\n    " + "\n    ".join(lines) + "\n"
    exec(source, known)  # noqa: S102  # names of fields are identifiers; values are bound, as dataclasses does it
    made: Callable[..., Any] = known["__init__"]
    return made


def _source(cls: type, known: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return parameters and assignments of a constructor, and bind in `known` the defaults that they name."""
    all_fields: tuple[Field[Any], ...] = fields(cls)
    positional, by_name, body = list[str](), list[str](), list[str]()
    known["_missing"] = MISSING
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
    return [*positional, *(["*", *by_name] if by_name else [])], body
