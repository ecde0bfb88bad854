"""Labelled cases: our own, written by hand (tests/cases/labelled), or a file with one JSON object a line."""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "cases" / "labelled"


@dataclass(frozen=True, slots=True)
class Case:
    """One text with the effects that it has, by somebody else's word than our classifier's."""

    id: str
    kind: str
    input: str
    """As classification reads it: tables as JSON."""
    label: str
    also: tuple[str, ...]
    dialect: str
    is_destructive: bool | None
    """None: it runs code, so its content decides."""

    @property
    def is_benign(self) -> bool:
        """Asking about it costs people time for nothing."""
        return self.is_destructive is False and self.label in ("read", "write", "benign")


def our_cases() -> list[Case]:
    """Return the cases of this repository, in the order of the files."""
    found: list[Case] = []
    for path in sorted(FOLDER.glob("*.toml")):
        for group in tomllib.loads(path.read_text(encoding="utf-8"))["group"]:
            found += (_of_group(group, text) for text in group["inputs"])
    return found


def cases_of(path: Path) -> list[Case]:
    """Return the cases of a file: {"id", "kind", "input", "label", "also"?, "dialect"?, "destructive"?} a line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_of_line(json.loads(line)) for line in lines if line.strip()]


def recorded(name: str) -> Iterator[tuple[str, str]]:
    """Yield input and strictest effect of the rows of tests/cases/classify/NAME.toml, which are all shell."""
    path = ROOT / "tests" / "cases" / "classify" / f"{name}.toml"
    for row in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
        yield row["input"], row["effects"][0]


def _of_line(row: Mapping[str, object]) -> Case:
    value, label, also = row["input"], str(row["label"]), row.get("also") or []
    if not isinstance(also, list):
        raise TypeError("`also` must be a list")
    said = row.get("destructive", "destructive" in (label, *also))
    return Case(
        id=str(row["id"]),
        kind=str(row["kind"]),
        input=value if isinstance(value, str) else json.dumps(value),
        label=label,
        also=tuple(str(effect) for effect in also),
        dialect=str(row.get("dialect") or ""),
        is_destructive=None if label == "exec" else bool(said),
    )


def _of_group(group: Mapping[str, str], text: str) -> Case:
    kind = group["kind"]
    value = _SHAPES.get(kind, lambda text, _group: text)(text, group)
    name = hashlib.sha256(f"{group.get('dialect', '')}\0{value}".encode()).hexdigest()[:10]
    return _of_line({**group, "id": f"{kind}-{name}", "input": value})


def _http(text: str, _group: Mapping[str, str]) -> str:
    method, _, url = text.partition(" ")
    return json.dumps({"method": method, "url": url, "headers": {}, "body": ""})


def _graphql(text: str, group: Mapping[str, str]) -> str:
    return json.dumps({"endpoint": group["endpoint"], "query": text, "variables": {}})


def _mcp(text: str, _group: Mapping[str, str]) -> str:
    name, description, arguments = text.split(" | ", 2)
    server, _, tool = name.partition(" ")
    call = {"server": server, "tool": tool, "description": description, "arguments": json.loads(arguments)}
    return json.dumps(call)


_SHAPES = {"http": _http, "graphql": _graphql, "mcp": _mcp}
