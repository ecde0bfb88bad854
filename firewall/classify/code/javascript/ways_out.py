"""Ways in which JavaScript reaches what its text does not name: `eval`, `constructor`, computed callees.

What a program can do without one of these is what its text names. INVARIANT: `hidden` returns a reason for
every program in which code could reach a function or a global by anything but its own name.
"""

from collections.abc import Callable
from dataclasses import dataclass

from firewall.classify.code.javascript.bindings import Names
from firewall.classify.code.javascript.changes import CHANGING, in_class
from firewall.classify.code.javascript.evaluated import HOLE
from firewall.classify.code.javascript.syntax import Node, Program, string_of
from firewall.classify.code.javascript.values import Evaluator
from firewall.classify.draft import shown

_NAMES = frozenset(
    {
        "eval", "Function", "AsyncFunction", "GeneratorFunction", "globalThis", "window", "self", "global",
        "Reflect", "Proxy", "WebAssembly", "Worker", "SharedArrayBuffer", "ShadowRealm", "importScripts",
    }
)  # fmt: skip
_PROPERTIES = frozenset(
    {
        "constructor", "__proto__", "prototype", "__defineGetter__", "__defineSetter__", "__lookupGetter__",
        "__lookupSetter__", "getPrototypeOf", "setPrototypeOf", "getOwnPropertyDescriptor",
        "getOwnPropertyDescriptors", "getOwnPropertyNames", "defineProperty", "defineProperties", "callee",
        "caller", "mainModule", "prepareStackTrace", "groupBy", "getOwnPropertySymbols", "toStringTag",
    }
)  # fmt: skip
_KINDS = frozenset(
    {"import", "with_statement", "import_statement", "export_statement", "decorator", "jsx_element"}
)
_GLOBALS = frozenset(
    {
        "Number", "String", "Boolean", "parseInt", "parseFloat", "isNaN", "isFinite", "Array", "Date",
        "Promise", "BigInt", "encodeURIComponent", "decodeURIComponent", "encodeURI", "decodeURI",
        "structuredClone", "atob", "btoa", "RegExp", "Error", "TypeError", "RangeError", "Set", "Map",
        "WeakMap", "WeakSet", "Object", "Symbol", "JSON", "Math", "Intl", "console", "setTimeout",
        "clearTimeout", "setInterval", "clearInterval", "queueMicrotask", "URL", "URLSearchParams",
        "TextEncoder", "TextDecoder", "Uint8Array", "Int8Array", "Uint16Array", "Int16Array", "Uint32Array",
        "Int32Array", "Float32Array", "Float64Array", "ArrayBuffer", "DataView", "AggregateError",
        "SyntaxError", "performance",
        "crypto", "navigator", "unescape", "escape", "BigInt64Array", "AbortController", "undefined",
        "NaN", "Infinity", "arguments", "Iterator",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Scan:
    names: Names
    known: frozenset[str]
    evaluator: Evaluator
    loose: bool
    """Somewhere a computed name is not known, so that a value may be any property of anything."""
    reached: Callable[[str], str] | None = None


def hidden(
    program: Program, names: Names, known: frozenset[str], *, reached: Callable[[str], str] | None = None
) -> tuple[Node, str] | None:
    """Return the first node by which more may be reached than is named, and why.

    `known` are the host's globals. A host with modules gives `reached`, which says what part of a module a name
    is, and reads the imports itself.
    """
    if names.foreign:
        return names.foreign[0], "changes a thing that is not its own"
    for name in sorted(names.changed - set(names.bindings)):
        node = next(node for node in program.nodes if node.kind == "identifier" and node.text == name)
        return node, f"changes {shown(name)}"
    evaluator = Evaluator(program, names)
    loose = any(
        node.kind == "subscript_expression" and evaluator.of(node.fields["index"]) is None
        for node in program.nodes
    )
    scan = _Scan(names, known, evaluator, loose, reached)
    for node in program.nodes:
        why = _why(node, scan)
        if why:
            return node, why
    return None


def _why(node: Node, scan: _Scan) -> str:
    if node.kind in _KINDS and not (scan.reached is not None and node.kind in ("import", "import_statement")):
        return f"holds {shown(node.kind.replace('_', ' '))}"
    if node.kind == "this" and not in_class(node):
        return "uses `this`"
    if node.kind == "method_definition" and node.sign in ("get", "set"):
        return "defines a getter or setter"
    if node.kind == "string" and string_of(node) in _PROPERTIES:
        return f"names {shown(string_of(node))}"
    reader = _READERS.get(node.kind)
    return reader(node, scan) if reader is not None else ""


def _property(node: Node, _scan: _Scan) -> str:
    if node.text == "constructor" and node.parent is not None and node.parent.kind == "method_definition":
        return ""
    return f"reaches {shown(node.text)}" if node.text in _PROPERTIES else ""


def _name(node: Node, scan: _Scan) -> str:
    if node.text in _NAMES:
        return f"uses {shown(node.text)}"
    if node.text in scan.known and node.text in scan.names.bindings:
        return f"gives {shown(node.text)} another meaning"
    if node.text not in scan.names.bindings and node.text not in _GLOBALS and node.text not in scan.known:
        return f"uses {shown(node.text)}, which is not defined here"
    return ""


def _subscript(node: Node, scan: _Scan) -> str:
    values = scan.evaluator.of(node.fields["index"])
    if values is not None:
        named = [value for value in values if isinstance(value, str) and value in _REACHED]
        return f"reaches {shown(str(named[0]))}" if named else ""
    parent = node.parent
    if parent is None:
        return ""
    if parent.kind == "arguments" and _is_called_back(parent):
        return "hands on what a computed name leads to"
    is_called = parent.fields.get("function") is node or parent.fields.get("constructor") is node
    return "calls what a computed name leads to" if is_called or parent.kind == "subscript_expression" else ""


_REACHED = _PROPERTIES | CHANGING | {HOLE}
_CALLING = frozenset({"call", "apply", "bind"})
_BACK = frozenset(
    {
        "map", "forEach", "flatMap", "filter", "some", "every", "find", "findIndex", "findLast", "reduce",
        "reduceRight", "then", "catch", "finally", "from", "sort", "replace", "replaceAll",
    }
)  # fmt: skip


def _is_called_back(arguments: Node) -> bool:
    """Tell whether a call takes a function that it calls."""
    callee = arguments.parent.fields.get("function") if arguments.parent is not None else None
    return callee is not None and callee.kind == "member_expression" and callee.fields["property"].text in _BACK


_CALLABLE = frozenset({"member_expression", "subscript_expression", "parenthesized_expression", "arrow_function",
                       "function_expression", "super", "await_expression"})  # fmt: skip


def _call(node: Node, scan: _Scan) -> str:
    callee = node.fields.get("function") or node.fields.get("constructor")
    if callee is None or (callee.kind == "import" and scan.reached is not None):
        return "" if callee is not None else "calls what is not understood"
    if callee.kind == "identifier":
        return _timed(callee.text, node, scan) or _named_call(callee.text, scan)
    if callee.kind == "call_expression":
        return "calls what another call returns"
    if callee.kind == "parenthesized_expression" and callee.children and callee.children[-1].kind not in _CALLABLE:
        return "calls what an expression returns"
    if scan.loose and callee.kind == "member_expression" and callee.fields["property"].text in _CALLING:
        return "calls what a computed name may lead to"
    return "" if callee.kind in _CALLABLE else f"calls {shown(callee.kind)}"


def _timed(name: str, node: Node, scan: _Scan) -> str:
    """Tell whether a timer is given text to run, or what may be text."""
    arguments = node.fields.get("arguments")
    if name not in ("setTimeout", "setInterval") or arguments is None or not arguments.children:
        return ""
    first = arguments.children[0]
    is_function = first.kind in ("arrow_function", "function_expression", "identifier", "member_expression")
    return "" if is_function and scan.evaluator.of(first) is None else "gives a timer text to run"


def _named_call(name: str, scan: _Scan) -> str:
    bound = scan.names.bindings.get(name)
    if bound is None:
        return ""
    if name in scan.names.assigned:
        return f"calls {shown(name)}, which is assigned"
    if all(item.function is not None for item in bound) or (scan.reached is not None and scan.reached(name)):
        return ""
    is_parameter = all(item.value is None and not item.each and item.path == () for item in bound)
    # What is handed to a parameter stands in this program, unless a computed name can lead anywhere.
    return "" if is_parameter and not scan.loose else f"calls {shown(name)}, whose value is not known"


_READERS = {
    "identifier": _name,
    "shorthand_property_identifier": _name,
    "property_identifier": _property,
    "shorthand_property_identifier_pattern": _property,
    "subscript_expression": _subscript,
    "call_expression": _call,
    "new_expression": _call,
}
