"""The one writer of `policies/apis/*.tsv`: provenance first, rows sorted, no row twice."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

APIS = Path(__file__).resolve().parents[1] / "apis"
ORDER = "rwixuespd"


def letters(effects: Iterable[str]) -> str:
    """Return distinct effect letters in their fixed order."""
    found = set(effects)
    return "".join(letter for letter in ORDER if letter in found)


def plain(text: str, most: int = 90) -> str:
    """Return a vendor's sentence as one printable ASCII line without markup or tabs."""
    words = text.replace("`", "'").encode("ascii", "ignore").decode().split()
    line = " ".join(words)
    first = line.split(". ")[0].rstrip(".")
    return first if len(first) <= most else first[: most - 3].rsplit(" ", 1)[0] + "..."


def write_table(name: str, head: Mapping[str, str], lines: Iterable[str], *, rows: int | None = None) -> Path:
    """Write a table; `head` holds `kind`, `source`, `licence`, `made by`."""
    body = list(lines)
    known = {
        **head,
        "read": datetime.now(UTC).date().isoformat(),
        "rows": str(len(body) if rows is None else rows),
    }
    path = APIS / name
    path.parent.mkdir(exist_ok=True)
    text = "".join(f"# {key}: {known[key]}\n" for key in sorted(known))
    path.write_text(text + "".join(f"{line}\n" for line in body), encoding="utf-8")
    return path
