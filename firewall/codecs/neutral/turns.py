"""The normal form of a conversation, which every reader gives and every writer may rely on."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from firewall.codecs.neutral.form import Call, Part, Request, Result, Role, Text, Turn


def joined(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Return the turns in normal form.

    Empty texts and turns without parts go, neighbours of one role become one turn (system turns stay apart), and
    in a turn of the user the results of tools come first: Anthropic demands it, and the others do not mind.
    """
    out: list[tuple[Role, list[Part]]] = []
    for turn in turns:
        parts = [part for part in turn.parts if not (isinstance(part, Text) and not part.text)]
        if not parts:
            continue
        if out and out[-1][0] is turn.role and turn.role is not Role.SYSTEM:
            out[-1][1].extend(parts)
        else:
            out.append((turn.role, parts))
    return tuple(Turn(role, _results_first(parts) if role is Role.USER else tuple(parts)) for role, parts in out)


def spoken(request: Request) -> Request:
    """Return the request with a turn: instructions that stand alone are what the user says.

    Chat Completions takes them alone, the other dialects want somebody to speak.
    """
    if request.turns or not request.system:
        return request
    return replace(request, system=(), turns=(Turn(Role.USER, tuple(map(Text, request.system))),))


def answers_last(turns: Sequence[Turn]) -> bool:
    """Tell whether the last turn is an answer without calls."""
    if not turns or turns[-1].role is not Role.ASSISTANT:
        return False
    return not any(isinstance(part, Call) for part in turns[-1].parts)


def _results_first(parts: list[Part]) -> tuple[Part, ...]:
    results = [part for part in parts if isinstance(part, Result)]
    if not results or len(results) == len(parts):
        return tuple(parts)
    return (*results, *(part for part in parts if not isinstance(part, Result)))
