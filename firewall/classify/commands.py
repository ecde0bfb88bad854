"""The shell commands that a tool call says in so many words: what another gate sees of it, whatever tool is named.

Codex's models call `exec_command`, or write JavaScript that does; its hook then reports each command as `Bash`.
"""

from firewall.classify.catalogue import Catalogue, ToolKind, ToolSpec
from firewall.classify.code.javascript.codex import read_script
from firewall.classify.draft import Source
from firewall.core.call import CallForm, ToolCall
from firewall.core.errors import ProtocolError
from firewall.core.strict_json import loads_object


def commands_of(call: ToolCall, catalogue: Catalogue) -> tuple[str, ...]:
    """Return each command that a call would run, as often as it says it; none that is not known to the letter."""
    spec = catalogue.tools.get(call.name.removeprefix("functions/"))
    if spec is None or spec.kind not in (ToolKind.SHELL, ToolKind.CODE):
        return ()
    text = _text(spec, call)
    if spec.kind is ToolKind.SHELL:
        return (text,) if text else ()
    return tuple(command for one in _nested(text, call.id) for command in _plain(one, catalogue))


def _plain(call: ToolCall, catalogue: Catalogue) -> tuple[str, ...]:
    spec = catalogue.tools.get(call.name)
    if spec is None or spec.kind is not ToolKind.SHELL:
        return ()
    text = _text(spec, call)
    return (text,) if text else ()


def _nested(text: str, ident: str) -> list[ToolCall]:
    """Return the calls of a script whose arguments are known to the letter."""
    try:
        calls = read_script(Source(text)).calls
    except RecursionError:
        return []
    return [
        ToolCall(
            ident,
            one.name,
            one.argument.encode("utf-8", "surrogatepass"),
            CallForm.TEXT if one.is_text else CallForm.JSON,
        )
        for one in calls
        if not one.holes
    ]


def _text(spec: ToolSpec, call: ToolCall) -> str:
    """Return the one text of a call; empty where it has none, or several."""
    if call.form is CallForm.TEXT:
        return call.arguments.decode("utf-8", "replace")
    try:
        arguments = loads_object(call.arguments, what="arguments")
    except (ProtocolError, RecursionError):
        return ""
    found = [value for key in spec.text if (value := arguments.get(key)) is not None]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else ""
