"""What goes to a server without a judgement: lists of what it offers, and how much it logs.

INVARIANT: of such a request a server hears the parameters that its method has, in their form, and plain notes
(`beside.py`). A parameter that is not known here is refused by name; other notes are left out. What is left is
searched for credentials behind the seam (`port.Shown.asked`).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from firewall.codecs.mcp.changes import SUBSCRIBE, UNSUBSCRIBE, is_address
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Message
from firewall.gates.mcp.beside import is_level, noted_of
from firewall.gates.mcp.legs import with_params
from firewall.gates.mcp.methods import shown

_Form = Callable[[object], bool]
_CURSOR: Mapping[str, _Form] = MappingProxyType({"cursor": lambda value: value is None or isinstance(value, str)})
_ADDRESS: Mapping[str, _Form] = MappingProxyType({"uri": is_address})
_FORMS: Mapping[str, Mapping[str, _Form]] = MappingProxyType(
    {
        "tools/list": _CURSOR,
        "resources/list": _CURSOR,
        "resources/templates/list": _CURSOR,
        "prompts/list": _CURSOR,
        "logging/setLevel": MappingProxyType({"level": is_level}),
        SUBSCRIBE: _ADDRESS,
        UNSUBSCRIBE: _ADDRESS,
    }
)
"""Of each method that nobody judges as it is: its parameters, and the form of each."""
_NONE: Mapping[str, _Form] = MappingProxyType({})


def plain(message: Message) -> Message:
    """Return a request as a server may hear it unjudged; the very same where nothing has to be left out.

    Raises: McpError -32602 `param_unknown` or `param_invalid`.
    """
    forms = _FORMS.get(message.method, _NONE)
    for name, value in message.params.items():
        if name == "_meta":
            continue
        if name not in forms:
            raise _invalid(f"`{shown(name)}` of `{message.method}` is not served", "param_unknown", message)
        if not forms[name](value):
            raise _invalid(f"`{shown(name)}` of `{message.method}` is not of its form", "param_invalid", message)
    notes = noted_of(message.meta)
    return message if notes == message.meta else with_params(message, _meta=notes or None)


def unjudged_of(message: Message, *, sealed: str) -> list[object]:
    """Return the values of a request that go on unjudged; a cursor that begins with `sealed` is ours."""
    found: list[object] = [message.id, *noted_of(message.meta).values()]
    cursor = message.params.get("cursor")
    if isinstance(cursor, str) and not cursor.startswith(sealed):
        found.append(cursor)
    return found


def _invalid(text: str, code: str, message: Message) -> McpError:
    return McpError(text, number=INVALID_PARAMS, code=code, of=message.id)
