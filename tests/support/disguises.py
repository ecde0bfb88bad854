"""Command lines in disguise: the templates of tests/cases/classify/disguises filled with a command."""

import base64
import codecs
import gzip
import json
import shlex
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[1] / "cases/classify"
_ALIKE = dict(
    zip(
        map(ord, "aceopxyistudfrmgkl"),
        "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0455\u0442\u057d\u0501\u0493\u0433\u043c\u0261\u043a\u0456",
        strict=True,
    )
)
"""Letters of other alphabets that look like ours."""


@dataclass(frozen=True, slots=True)
class Disguise:
    """One way of writing a command."""

    family: str
    template: str
    opaque: bool
    """Seeing that something runs is all that can be asked."""

    def of(self, command: str) -> str:
        """Return the command in this disguise."""
        text = self.template
        for name, value in _tokens(command).items():
            text = text.replace(f"«{name}»", value)
        return text


@cache
def disguises(folder: str = "disguises") -> tuple[Disguise, ...]:
    """Return every variant of every family: `disguises`, or `lookalikes`, which lose nothing."""
    rows = [
        row
        for path in sorted((_FOLDER / folder).glob("*.toml"))
        for row in tomllib.loads(path.read_text("utf-8"))["family"]
    ]
    return tuple(
        Disguise(row["name"], variant, bool(row.get("opaque"))) for row in rows for variant in row["variants"]
    )


def _double(text: str) -> str:
    """Return text as it stands inside double quotes."""
    return "".join(f"\\{char}" if char in '"\\$`' else char for char in text)


def _json(text: str) -> str:
    """Return a string of JSON that may stand inside single quotes of a shell."""
    return json.dumps(text).replace("'", "\\u0027")


def _in_shells(command: str, depth: int) -> str:
    for _ in range(depth):
        command = f"sh -c {shlex.quote(command)}"
    return command


def _encoded(command: str, first: str) -> dict[str, str]:
    data, start = command.encode(), first.encode()
    written = base64.b64encode(data)
    return {
        "B64": written.decode(),
        "B64B64": base64.b64encode(written).decode(),
        "B64SH": base64.b64encode(_in_shells(command, 1).encode()).decode(),
        "GZ": base64.b64encode(gzip.compress(data, mtime=0)).decode(),
        "HEX": data.hex(),
        "OCT": "".join(f"\\{byte:03o}" for byte in data),
        "X": "".join(f"\\x{byte:02x}" for byte in data),
        "REV": shlex.quote(command[::-1]),
        "ROT": shlex.quote(codecs.encode(command, "rot13")),
        "WB64": base64.b64encode(start).decode(),
        "WHEX": start.hex(),
        "WOCT": "".join(f"\\{byte:03o}" for byte in start),
        "WX": "".join(f"\\x{byte:02x}" for byte in start),
        "REVW": first[::-1],
    }


@cache
def _tokens(command: str) -> dict[str, str]:
    words = shlex.split(command)
    quoted = [shlex.quote(word) for word in words]
    first = words[0]
    braces = "{" + ",".join(quoted) + "}"
    return {
        "C": command,
        "Q": shlex.quote(command),
        "QQ": shlex.quote(_in_shells(command, 1)),
        "SSH2": shlex.quote(f"ssh b {shlex.quote(command)}"),
        "QD": _double(shlex.quote(command)),
        "D": _double(command),
        "DD": _double(_double(command)),
        "DC": command.replace("\\", "\\\\"),
        "W": first,
        "R": " ".join(quoted[1:]),
        "F": first[:1],
        "E": first[1:],
        "L": ", ".join(_json(word) for word in words),
        "J": _json(command),
        "I": "${IFS}".join(quoted),
        "IQ": shlex.quote("${IFS}".join(quoted)),
        "COMMA": shlex.quote(",".join(words)),
        "COLON": shlex.quote(":".join(words)),
        "UNDER": shlex.quote("_".join(words)),
        "{}": braces,
        "{}Q": shlex.quote(braces),
        "{}D": _double(braces),
        "UPW": first.upper(),
        "UPF": first[:1].upper(),
        "WORDS": " ".join(quoted),
        "SH2": shlex.quote(_in_shells(command, 1)),
        "SH3": shlex.quote(_in_shells(command, 2)),
        "SH4": shlex.quote(_in_shells(command, 3)),
        "BACKSLASH": " \\\n".join(quoted),
        "HOMO": first.translate(_ALIKE),
        "ZW": f"{first[:1]}\u200b{first[1:]}",
        "FULL": "".join(chr(ord(char) + 0xFEE0) for char in first),
        **_encoded(command, first),
    }
