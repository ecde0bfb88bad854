"""One hostile input and how it is read: the readers are asked as the gates ask them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from firewall.classify.text import actions_of_input
from firewall.classify.tool import actions_of, sessions_after
from firewall.core.action import Action
from firewall.core.call import CallForm, ToolCall
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind, TargetSpec
from tests.support.understanding import WORKSPACE, call, shipped_context


@dataclass(frozen=True, slots=True)
class Hostile:
    """An input that is made to keep a reader busy."""

    reader: str
    name: str
    read: Callable[[], tuple[Action, ...]]
    """Reads it; what is read was built before, so that building it counts for nothing."""


def text(kind: str, name: str, content: str, dialect: str = "") -> Hostile:
    """Return a text of a kind that `explain` knows; `dialect` is SQL's."""

    def read() -> tuple[Action, ...]:
        return actions_of_input(kind, content, shipped_context(), dialect=dialect)

    return Hostile(f"{kind} {dialect}".strip(), name, read)


def files(name: str, command: str, contents: Mapping[str, str], reader: str = "contents") -> Hostile:
    """Return a shell line that runs files of the workspace."""
    placed = {f"{WORKSPACE}/{path}": content for path, content in contents.items()}
    context = replace(shipped_context(), contents=placed)
    made = call("Bash", {"command": command})
    return Hostile(reader, name, lambda: actions_of(made, context))


def tool(reader: str, name: str, named: str, arguments: dict[str, object] | str) -> Hostile:
    """Return a call of an agent's tool."""
    made = call(named, arguments)
    return Hostile(reader, name, lambda: actions_of(made, shipped_context()))


def typed(name: str, keys: str) -> Hostile:
    """Return input to an open session, and what is remembered of it."""
    made = call("write_stdin", {"session_id": 1, "chars": keys})

    def read() -> tuple[Action, ...]:
        context = shipped_context()
        actions = actions_of(made, context)
        sessions_after(made, actions, context)
        return actions

    return Hostile("session", name, read)


def request(name: str, kind: TargetKind, sent: Outgoing) -> Hostile:
    """Return a request to a target of a kind."""
    spec = TargetSpec("t", "staging", kind, "api.github.com")
    context = replace(shipped_context(), targets={"t": spec})
    made = ToolCall("call_1", "infra/t", sent.encode(), CallForm.REQUEST)
    return Hostile(f"request {kind.value}", name, lambda: actions_of(made, context))
