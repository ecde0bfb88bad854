"""Values of variables and of `${…}` as far as they are constants; what is not certain is None.

Only what bash itself computes from constants is computed here: slices, cut and replaced patterns, letter case,
length, indirection, elements of arrays. A variable that the text does not set may be set outside, so it is None.
"""

import re

from firewall.classify.shell.scope import Scope

MAX_VALUE_CHARS = 4096
MAX_PATTERN_CHARS = 64
MAX_STARRED_CHARS = 256
"""A value that a pattern with a `*` is tried on."""
_EXPANSION = re.compile(
    r"\$\{(?P<sign>[!#]?)(?P<name>[A-Za-z_]\w*|[0-9]+|[@*])(?:\[(?P<index>[^\]]*)\])?(?P<rest>.*)\}", re.DOTALL
)
_OPERATION = re.compile(r"(?P<sign>:?[-=+?]|##?|%%?|//?|\^\^?|,,?|@|:)(?P<operand>.*)", re.DOTALL)
_HIDING = re.compile(r"[$`'\"\\]")
"""In an operand: it is not what it looks like."""
ALL = frozenset({"@", "*"})


def looked_up(name: str, scope: Scope) -> str | None:
    """Return the value of a variable or a positional parameter; None: not known."""
    if name in scope.variables:
        return scope.variables[name]
    if name in scope.arrays:
        values = scope.arrays[name]
        return values[0] if values else ""
    if name == "IFS":
        return " \t\n"
    if name == "PWD" and len(scope.cwds) == 1 and not scope.machine:
        return scope.cwds[0]
    if scope.positional is not None:
        return _positional(name, scope.positional)
    return None


def _positional(name: str, values: tuple[str | None, ...]) -> str | None:
    if name.isdigit() and int(name) > 0:
        index = int(name) - 1
        return values[index] if index < len(values) else ""
    if name in ALL and all(value is not None for value in values):
        return " ".join(value or "" for value in values)
    return str(len(values)) if name == "#" else None


def elements(shown: str, scope: Scope) -> tuple[str | None, ...] | None:
    """Return the words of `"$@"`, `"${a[@]}"` and the same unquoted; None: none of them, or not known."""
    if shown[:1] == '"' and shown[-1:] == '"':
        shown = shown[1:-1]
    if shown in ("$@", "$*", "${@}", "${*}"):
        return scope.positional
    match = _EXPANSION.fullmatch(shown)
    if match is None or match.group("sign"):
        return None
    values = scope.positional if match.group("name") in ALL else None
    if match.group("index") in ALL:
        values = scope.arrays.get(match.group("name"))
    if values is None:
        return None
    rest = match.group("rest")
    sliced = re.fullmatch(r":\s*(\d{1,4})(?::\s*(\d{1,4}))?", rest)
    if not rest or sliced is None:
        return values if not rest else None
    start = int(sliced.group(1)) - (1 if match.group("name") in ALL else 0)
    if start < 0:
        return None
    return values[start : start + int(sliced.group(2))] if sliced.group(2) else values[start:]


def expanded(shown: str, scope: Scope) -> str | None:
    """Return the value of `${…}`; None: not known."""
    match = _EXPANSION.fullmatch(shown)
    if match is None:
        return None
    value = _base(match, scope)
    if value is None or len(value) > MAX_VALUE_CHARS or not match.group("rest"):
        return None if value is not None and len(value) > MAX_VALUE_CHARS else value
    operation = _OPERATION.fullmatch(match.group("rest"))
    return (
        None if operation is None else _applied(value, operation.group("sign"), operation.group("operand"), scope)
    )


def _base(match: re.Match[str], scope: Scope) -> str | None:
    """Return the value before the operation: an element, a length, what a name leads to."""
    name, index, sign = match.group("name"), match.group("index"), match.group("sign")
    value = looked_up(name, scope) if index is None else _element(name, index, scope)
    if value is None or not sign:
        return value
    if sign == "#":
        return str(len(value)) if index not in ALL else None
    return looked_up(value, scope) if re.fullmatch(r"[A-Za-z_]\w*", value) else None


def _element(name: str, index: str, scope: Scope) -> str | None:
    values = scope.arrays.get(name)
    if values is None:
        return looked_up(name, scope) if index in ("0", *ALL) and name in scope.variables else None
    if index in ALL:
        return None if any(value is None for value in values) else " ".join(value or "" for value in values)
    number = _number(index, scope)
    if number is None or not -len(values) <= number < len(values):
        return "" if number is not None and number >= 0 else None
    return values[number]


def _applied(value: str, sign: str, operand: str, scope: Scope) -> str | None:
    """Return what an operation makes of a known value."""
    if sign == ":":
        return _sliced(value, operand, scope)
    if sign.endswith(("-", "=", "?", "+")):
        return _defaulted(value, sign, operand)
    if _HIDING.search(operand):
        return None
    if sign == "@":
        return {"L": value.lower(), "U": value.upper(), "u": value[:1].upper() + value[1:]}.get(operand)
    if sign[0] in "^,":
        return _cased(value, sign, operand)
    return _cut(value, sign, operand) if sign[0] in "#%" else _replaced(value, sign, operand)


def _defaulted(value: str, sign: str, operand: str) -> str | None:
    """Return `${x:-a}` and its kin for a variable that is set."""
    is_used = bool(value) or not sign.startswith(":")
    if sign.endswith("+"):
        return "" if not is_used else None if _HIDING.search(operand) else operand
    return value if is_used else None


def _sliced(value: str, operand: str, scope: Scope) -> str | None:
    start, colon, length = operand.partition(":")
    first = _number(start, scope)
    if first is None or first < -len(value):
        return None
    first = first + len(value) if first < 0 else first
    if not colon:
        return value[first:]
    count = _number(length, scope)
    if count is None:
        return None
    return value[first : len(value) + count] if count < 0 else value[first : first + count]


def _number(text: str, scope: Scope) -> int | None:
    """Return a whole number, or the one that a variable holds; nothing else is computed."""
    text = text.strip()
    if match := re.fullmatch(r"\$?\{?([A-Za-z_]\w*)\}?", text):
        text = (scope.variables.get(match.group(1)) or "?").strip()
    return int(text) if re.fullmatch(r"-?\d{1,5}", text) else None


def _cased(value: str, sign: str, operand: str) -> str | None:
    if operand not in ("", "?"):
        return None
    change = str.upper if sign[0] == "^" else str.lower
    return change(value) if len(sign) > 1 else change(value[:1]) + value[1:]


def _pattern(text: str, value: str) -> str | None:
    """Return a glob as a regular expression that takes no long time; None where it is too much of a pattern."""
    if len(text) > MAX_PATTERN_CHARS or set(text) & set("[]()"):
        return None
    if "*" in text and (text.count("*") > 1 or len(value) > MAX_STARRED_CHARS):
        return None
    return "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in text)


def _cut(value: str, sign: str, operand: str) -> str | None:
    """Return `${x#a}`, `${x##a}`, `${x%a}`, `${x%%a}`."""
    pattern = _pattern(operand, value)
    if pattern is None:
        return None
    matcher = re.compile(pattern, re.DOTALL)
    # Without a `*` a pattern has one length only.
    sizes = range(len(value) + 1) if "*" in operand else range(len(operand), min(len(operand), len(value)) + 1)
    for size in reversed(sizes) if len(sign) > 1 else sizes:
        part = value[:size] if sign[0] == "#" else value[len(value) - size :]
        if matcher.fullmatch(part):
            return value[size:] if sign[0] == "#" else value[: len(value) - size]
    return value


def _replaced(value: str, sign: str, operand: str) -> str | None:
    """Return `${x/a/b}` and `${x//a/b}`; `a` may stand for the start (`#`) or the end (`%`)."""
    old, _, new = operand.partition("/")
    edge = old[:1] if sign == "/" and old[:1] in ("#", "%") and len(old) > 1 else ""
    pattern = _pattern(old[len(edge) :], value)
    if pattern is None or "&" in new:
        return None
    if not pattern:
        return value
    found = f"^(?:{pattern})" if edge == "#" else f"(?:{pattern})$" if edge == "%" else pattern
    return bounded(
        re.sub(found, new.replace("\\", "\\\\"), value, count=0 if sign == "//" else 1, flags=re.DOTALL)
    )


def bounded(value: str | None) -> str | None:
    """Return a value that is short enough to be followed; None where it is not."""
    return value if value is None or len(value) <= MAX_VALUE_CHARS else None
