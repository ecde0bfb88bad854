"""What cannot be carried from one dialect to another: refused by name, or listed.

THE RULE. *Refused* (400 `untranslatable`, with the exact path of the field) is whatever changes what the model
sees or may do, what it must answer, how many answers there are, or who is told of it: parts of messages, tools,
tool choice, the output's form, `n`, log probabilities, stop sequences, ids kept at the provider, tools that the
provider runs. *Listed* is whatever only changes the price, the speed, the routing or the labels of a call, how
tokens are drawn, or how much is thought: cache marks, metadata, user, service tier, sampling knobs, effort,
verbosity; and thinking of another provider in a history, which no other provider may see.

FAIL-CLOSED: what is neither carried nor in a reader's table of advisory fields is refused.
"""

from collections.abc import Iterable, Mapping
from typing import NoReturn

from firewall.core.errors import ProtocolError


class Losses:
    """Names of advisory fields that were left out, in order, each once; one per request."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What was left out."""
        return tuple(self._names)

    def add(self, name: str) -> None:
        """List a field by its name, without indexes: `cache_control`, `thinking`.

        Readers use the name in their dialect, writers that of the form (`top_k`, `reasoning`, `verbosity`).
        """
        self._names[name] = None

    def add_those(self, value: Mapping[str, object], names: Iterable[str]) -> None:
        """List each of `names` that `value` sets to more than null."""
        for name in names:
            if value.get(name) is not None:
                self._names[name] = None


def untranslatable(field: str, why: str) -> NoReturn:
    """Refuse a request that has no equal in the other dialect.

    `field` is what it is about: from readers the exact path in the client's dialect (`messages.0.content.1`), from
    writers, who know no paths, its name (`the tool exec`, `audio`). `why` is a short clause.

    Raises: ProtocolError (400) `untranslatable`, always.
    """
    raise ProtocolError(f"`{field}` cannot be carried to this provider: {why}", code="untranslatable")


def refuse_begun() -> NoReturn:
    """Refuse a request whose last message is the beginning of the answer.

    Raises: ProtocolError (400) `untranslatable`, always.
    """
    untranslatable(
        "a last message of the assistant", "only its own provider goes on with an answer that has begun"
    )


def unanswerable(what: str) -> NoReturn:
    """Give up on a provider's answer that has no equal in the client's dialect.

    Raises: ProtocolError (502) `untranslatable_answer`, always.
    """
    raise ProtocolError(
        f"the provider's answer cannot be carried to the client: {what}",
        code="untranslatable_answer",
        side="upstream",
    )


def only(value: Mapping[str, object], known: frozenset[str], where: str) -> None:
    """Refuse the first member of `value` that is set and that no table knows.

    Raises: ProtocolError (400) `untranslatable`.
    """
    if value.keys() <= known:
        return
    for name, one in value.items():
        if name not in known and one is not None:
            untranslatable(f"{where}.{name}" if where else name, "it has no equal there")
