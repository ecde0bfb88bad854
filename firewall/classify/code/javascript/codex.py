"""Codex's `exec` tool: JavaScript in a bare isolate whose only way to the world is the global `tools`.

There is no Node, no network and no file system in it, so what a program computes does nothing; what counts is
each `tools.NAME(argument)`. Any other use of `tools`, and any way to reach a global by something but its name, is
`unknown` beside what was seen (openai/codex, codex-rs/code-mode).
"""

import json
import re
from dataclasses import dataclass, field

from firewall.classify.code.javascript.bindings import Names
from firewall.classify.code.javascript.evaluated import HOLE
from firewall.classify.code.javascript.methods import Value
from firewall.classify.code.javascript.names import names_of
from firewall.classify.code.javascript.syntax import Node, Program, parse
from firewall.classify.code.javascript.values import Evaluator, key_of
from firewall.classify.code.javascript.ways_out import hidden
from firewall.classify.draft import Source, shown

MAX_CALLS = 30
_HELPERS = frozenset(
    {
        "tools", "ALL_TOOLS", "text", "image", "forward_output", "store", "load", "notify", "exit",
        "yield_control",
    }
)  # fmt: skip
_PRAGMA = re.compile(r"[ \t]*// @exec:[^\n]*\n")


@dataclass(frozen=True, slots=True)
class Nested:
    """One call of a tool, with an argument that it may get."""

    name: str
    argument: str
    """JSON text, or the raw text where the program hands over a text."""
    is_text: bool
    span: tuple[int, int]
    """Where the call stands in the judged text."""
    holes: frozenset[str] = frozenset()
    """Keys of the argument whose value is not fully known; empty text: the argument as a whole."""


@dataclass(slots=True)
class Script:
    """What a program does."""

    calls: list[Nested] = field(default_factory=list)
    opaque: list[tuple[tuple[int, int], str]] = field(default_factory=list)
    """Places that are not understood, and why."""


def read_script(source: Source) -> Script:
    """Read a program; what cannot be parsed is opaque as a whole."""
    found = Script()
    program = parse(_without_pragma(source))
    if program is None:
        found.opaque.append((source.whole(), "JavaScript that does not parse, or is too large to read"))
        return found
    names = names_of(program)
    way_out = hidden(program, names, _HELPERS)
    if way_out is not None:
        found.opaque.append((program.span(way_out[0]), f"code that {way_out[1]}"))
    for node in program.nodes:
        if len(found.opaque) > MAX_CALLS:
            break
        if node.kind in ("identifier", "shorthand_property_identifier") and node.text == "tools":
            _use(node, program, names, found)
    return found


def _without_pragma(source: Source) -> Source:
    match = _PRAGMA.match(source.text)
    return source.part(source.text[match.end() :], match.end(), len(source.text)) if match else source


def _use(node: Node, program: Program, names: Names, found: Script) -> None:
    """Read one use of `tools`: `tools.NAME(argument)` or nothing that is understood."""
    member = node.parent
    call = member.parent if member is not None else None
    name = _tool_name(node, member, program, names)
    if name is None or call is None or call.kind != "call_expression" or call.fields.get("function") is not member:
        found.opaque.append((program.span(member or node), "a tool that is not called by its name"))
        return
    arguments = call.fields["arguments"]
    if arguments.kind != "arguments" or len(arguments.children) > 1 or len(found.calls) >= MAX_CALLS:
        found.opaque.append((program.span(call), f"a call of {shown(name)} that is not understood"))
        return
    _called(name, call, arguments.children[0] if arguments.children else None, (program, names), found)


def _tool_name(node: Node, member: Node | None, program: Program, names: Names) -> str | None:
    if member is None or member.fields.get("object") is not node:
        return None
    if member.kind == "member_expression":
        return member.fields["property"].text
    if member.kind != "subscript_expression":
        return None
    values = Evaluator(program, names).of(member.fields["index"])
    return values[0] if values is not None and len(values) == 1 and isinstance(values[0], str) else None


def _called(name: str, call: Node, argument: Node | None, within: tuple[Program, Names], found: Script) -> None:
    program, names = within
    span = program.span(call)
    if argument is None:
        found.calls.append(Nested(name, "{}", is_text=False, span=span))
        return
    values = Evaluator(program, names).of(argument)
    if values is not None:
        found.calls += [_nested(name, value, span, frozenset()) for value in values]
        return
    loose = Evaluator(program, names, holes=True)
    guesses = loose.of(argument) or [HOLE]
    holes = _holes(argument, program, names)
    found.calls += [_nested(name, value, span, holes) for value in guesses[:4]]


def _holes(argument: Node, program: Program, names: Names) -> frozenset[str]:
    """Return the keys of an object whose values are not known; `""` where even the keys are not."""
    if argument.kind != "object":
        return frozenset({""})
    strict = Evaluator(program, names)
    found: set[str] = set()
    for child in argument.children:
        if child.kind == "shorthand_property_identifier":
            if strict.of(child) is None:
                found.add(child.text)
        elif child.kind == "pair":
            key = key_of(strict, child.fields["key"])
            if key is None:
                return frozenset({""})
            if strict.of(child.fields["value"]) is None:
                found.add(key)
        else:
            return frozenset({""})
    return frozenset(found)


def _nested(name: str, value: Value, span: tuple[int, int], holes: frozenset[str]) -> Nested:
    if isinstance(value, str):
        return Nested(name, value, is_text=True, span=span, holes=holes)
    return Nested(name, json.dumps(value, ensure_ascii=False), is_text=False, span=span, holes=holes)
