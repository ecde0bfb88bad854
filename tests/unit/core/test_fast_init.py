"""`fast_init`: what stays is an ordinary frozen dataclass."""

import copy
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.call import Served
from firewall.core.fast_init import fast_init, maker, replacer
from firewall.gates.mcp.port import Caller


@dataclass(frozen=True, slots=True)
class Slow:
    """Every kind of field."""

    name: str
    size: int = 3
    parts: list[int] = field(default_factory=list)
    hidden: str = field(default="h", repr=False, compare=False)
    fixed: int = field(default=7, init=False)
    made: dict[str, int] = field(default_factory=dict, init=False)
    place: str = field(default="here", kw_only=True)
    must: bytes = field(kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what must not be."""
        if self.size < 0:
            raise ValueError("negative")


@fast_init
@dataclass(frozen=True, slots=True)
class Fast:
    """Every kind of field."""

    name: str
    size: int = 3
    parts: list[int] = field(default_factory=list)
    hidden: str = field(default="h", repr=False, compare=False)
    fixed: int = field(default=7, init=False)
    made: dict[str, int] = field(default_factory=dict, init=False)
    place: str = field(default="here", kw_only=True)
    must: bytes = field(kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what must not be."""
        if self.size < 0:
            raise ValueError("negative")


@dataclass(slots=True)
class Open:
    """Every kind of field, to be assigned later."""

    name: str
    size: int = 3
    parts: list[int] = field(default_factory=list)
    hidden: str = field(default="h", repr=False, compare=False)
    fixed: int = field(default=7, init=False)
    made: dict[str, int] = field(default_factory=dict, init=False)
    place: str = field(default="here", kw_only=True)
    must: bytes = field(kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what must not be."""
        if self.size < 0:
            raise ValueError("negative")


@fast_init
@dataclass(frozen=True, slots=True)
class Key:
    """One that can be hashed."""

    name: str
    size: int = 3


@pytest.mark.parametrize(
    "build",
    [
        lambda made: made("a", must=b"m"),
        lambda made: made("a", 4, [1], "x", must=b"m", place="there"),
        lambda made: made(must=b"m", name="a", parts=[2, 3], hidden="z"),
        lambda made: replace(made("a", must=b"m"), size=9),
        lambda made: copy.deepcopy(made("a", must=b"m", parts=[5])),
        lambda made: pickle.loads(pickle.dumps(made("a", must=b"m"))),  # noqa: S301  # made in the line itself
    ],
)
def test_an_object_is_what_the_slow_constructor_makes(build: Callable[[type], Slow | Fast]) -> None:
    """Fields, text, class and order of the fields are those of `dataclasses`."""
    slow, fast = build(Slow), build(Fast)
    assert type(fast) is Fast
    assert asdict(fast) == asdict(slow)
    assert repr(fast) == repr(slow).replace("Slow", "Fast")
    assert fast == build(Fast)
    assert [one.name for one in fields(fast)] == [one.name for one in fields(slow)]


def test_factories_are_called_for_every_object() -> None:
    """Two objects share no list."""
    assert Fast("a", must=b"").parts is not Fast("a", must=b"").parts
    assert Fast("a", must=b"").made is not Fast("a", must=b"").made


@pytest.mark.parametrize(
    "change",
    [
        lambda one: setattr(one, "name", "b"),
        lambda one: delattr(one, "name"),
        lambda one: setattr(one, "another", 1),
    ],
)
def test_nothing_of_it_can_be_assigned(change: Callable[[Fast], None]) -> None:
    """It is frozen as soon as somebody holds it."""
    with pytest.raises((FrozenInstanceError, TypeError)):
        change(Fast("a", must=b""))


def test_it_is_equal_and_hashed_by_its_values() -> None:
    """It serves as a key."""
    assert {Key("a"): 1}[Key("a", 3)] == 1
    assert Key("a") != Key("b")


@pytest.mark.parametrize("given", [((), {}), (("a",), {}), (("a",), {"must": b"", "more": 1})])
def test_wrong_arguments_are_refused_in_the_same_words(given: tuple[tuple[str, ...], dict[str, object]]) -> None:
    """A caller who forgets a field hears which."""
    said = []
    for cls in (Slow, Fast):
        with pytest.raises(TypeError) as caught:
            cls(*given[0], **given[1])  # type: ignore[arg-type]  # the point of it
        said.append(str(caught.value).replace("Slow", "Fast"))
    assert said[0] == said[1]


def test_what_follows_the_constructor_still_refuses() -> None:
    """`__post_init__` sees the frozen object and may raise."""
    with pytest.raises(ValueError, match="negative"):
        Fast("a", -1, must=b"")


def test_the_names_of_its_parameters_are_the_fields() -> None:
    """What reads signatures finds the same ones."""
    assert list(inspect.signature(Fast).parameters) == list(inspect.signature(Slow).parameters)


def test_only_a_frozen_slotted_class_without_bases_gets_it() -> None:
    """Anything else is refused when the module is loaded."""

    @dataclass(frozen=True)
    class Wide:
        name: str

    @dataclass(frozen=True, slots=True)
    class Derived(Slow):
        more: int = 0

    for cls in (Open, Wide, Derived, int):
        with pytest.raises(TypeError, match="no frozen slotted dataclass"):
            fast_init(cls)


def test_nothing_derives_from_it() -> None:
    """An object of a child would turn into one of the parent."""
    with pytest.raises(TypeError, match="derives from a class with fast_init"):
        type("Child", (Key,), {})


@pytest.mark.parametrize("cls", [Fast, Open])
@pytest.mark.parametrize(
    "given",
    [
        (("a",), {"must": b"m"}),
        (("a", 4, [1], "x"), {"must": b"m", "place": "there"}),
        ((), {"must": b"m", "name": "a", "parts": [2, 3], "hidden": "z"}),
    ],
)
def test_a_maker_makes_what_the_constructor_makes(
    cls: type[Fast] | type[Open], given: tuple[tuple[str, ...], dict[str, object]]
) -> None:
    """The same object of the same class, as closed to assignments, with lists and dictionaries of its own."""
    made, built = maker(cls)(*given[0], **given[1]), cls(*given[0], **given[1])  # type: ignore[arg-type]  # all of them at once
    assert type(made) is cls
    assert made == built
    assert repr(made) == repr(built)
    assert made.made is not built.made
    if cls is Fast:
        with pytest.raises(FrozenInstanceError):
            setattr(made, "name", "b")  # noqa: B010  # an assignment that a type checker would refuse


@pytest.mark.parametrize("cls", [Fast, Open])
def test_a_maker_refuses_what_the_constructor_refuses(cls: type[Fast] | type[Open]) -> None:
    """A field that is missing, one too many, and what `__post_init__` does not want."""
    made = maker(cls)
    with pytest.raises(TypeError, match="must"):
        made("a")
    with pytest.raises(TypeError, match="more"):
        made("a", must=b"", more=1)
    with pytest.raises(ValueError, match="negative"):
        made("a", -1, must=b"")


def test_there_is_no_maker_for_other_classes() -> None:
    """Of a frozen class that others may derive from, or of one with bases, an object would not be whole."""

    @dataclass(slots=True)
    class Child(Open):
        more: int = 0

    @dataclass
    class Wide:
        name: str

    for cls in (Slow, Child, Wide, int, len):
        with pytest.raises(TypeError, match="maker"):
            maker(cls)


@fast_init
@dataclass(frozen=True, slots=True)
class Plain:
    """What `replacer` may copy: everything comes in by the constructor."""

    name: str
    parts: list[int] = field(default_factory=list)
    hidden: str = field(default="h", repr=False, compare=False)
    place: str = field(default="here", kw_only=True)


@given(
    old=st.tuples(st.text(), st.lists(st.integers()), st.text(), st.text()),
    new=st.tuples(st.lists(st.integers()), st.text()),
)
def test_a_replacer_does_what_replace_does(
    old: tuple[str, list[int], str, str], new: tuple[list[int], str]
) -> None:
    """For all values, by position and by name; the object that it takes stays as it was."""
    name, parts, hidden, place = old
    made = Plain(name, parts, hidden, place=place)
    expected = replace(made, parts=new[0], place=new[1])
    replaced = replacer(Plain, "parts", "place")
    for found in (replaced(made, *new), replaced(made, place=new[1], parts=new[0])):
        assert (type(found), found, found.hidden) == (Plain, expected, hidden)
    assert made == Plain(name, parts, hidden, place=place)


def test_a_replacer_gives_what_nobody_may_assign_to() -> None:
    """It is frozen like any other, and every field must be given."""
    replaced = replacer(Plain, "place")
    with pytest.raises(FrozenInstanceError):
        replaced(Plain("a"), "there").__setattr__("name", "b")
    with pytest.raises(TypeError):
        replaced(Plain("a"))


@pytest.mark.parametrize(
    ("cls", "names"), [(Slow, ("size",)), (Fast, ("size",)), (Plain, ("size",)), (Plain, ()), (int, ("real",))]
)
def test_what_a_replacer_cannot_copy_is_refused(cls: type, names: tuple[str, ...]) -> None:
    """No fast constructor, a constructor that checks or works out something, and fields that it does not have."""
    with pytest.raises(TypeError, match="replacer"):
        replacer(cls, *names)


@pytest.mark.parametrize(("cls", "name"), [(Served, "beside"), (Caller, "due")])
def test_every_field_of_what_calls_are_made_of_is_copied(cls: type, name: str) -> None:
    """Also one that is added later: what a call is judged by does not get lost on the way."""
    values = {one.name: object() for one in fields(cls)}
    made, other = cls(**values), object()
    found: object = replacer(cls, name)(made, other)
    assert {one.name: getattr(found, one.name) for one in fields(cls)} == {**values, name: other}
