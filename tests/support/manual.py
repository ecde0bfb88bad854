"""The worked examples of docs/infrastructure.md as data: by kind, a target and its commands with answers."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.installation import REPOSITORY

PAGE = REPOSITORY / "docs" / "infrastructure.md"
GATE = "http://127.0.0.1:8787"
_KIND = re.compile(r"^### (\w+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """One command of an example and what it answers; `…` stands for anything."""

    command: str
    answer: str

    def at(self, agents: str) -> str:
        """Return the command for a server elsewhere."""
        return self.command.replace(GATE, agents)

    def is_answered_by(self, said: str) -> bool:
        """Tell whether this is what the manual promises."""
        wanted = ".*".join(map(re.escape, self.answer.strip().split("…")))
        return re.fullmatch(wanted, said.strip(), re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Example:
    """The example of one kind."""

    target: str
    """Its TOML."""
    lines: tuple[Line, ...]

    def settings(self, base: str, *, pack: str = "") -> str:
        """Return the target for a test: at this address, its holds at once over."""
        address = f'base_url = "{base}"'
        known = f'pack = "{pack}"\n' if pack else ""
        text, count = re.subn(r'^base_url = ".*"$', address, self.target, flags=re.MULTILINE)
        text = text if count else f"{text}{address}\n"
        return f'{text}hosting = "self"\nhold_s = 0\n{known}\n'


def examples(page: Path = PAGE) -> dict[str, Example]:
    """Return the examples by kind."""
    text = page.read_text(encoding="utf-8")
    part = text[text.index("## A worked example per kind") :]
    found = {}
    for kind, body in _KIND.findall(part):
        blocks: dict[str, str] = {}
        for language, block in _BLOCK.findall(body):
            blocks.setdefault(language, block)
        found[kind] = Example(blocks["toml"], _lines(blocks["console"]))
    return found


def _lines(console: str) -> tuple[Line, ...]:
    parts = re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]
    return tuple(Line(*(part.partition("\n")[::2])) for part in parts)
