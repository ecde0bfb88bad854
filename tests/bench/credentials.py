"""What the search for credentials costs: a megabyte of what flows by every day, and what a piece of it costs."""

import base64
import json
import random
import tomllib
from collections.abc import Iterator
from pathlib import Path

from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.masking import masked
from firewall.classify.credentials.rules import read_rules
from firewall.policy.defaults import shipped
from tests.bench.steps import Step, median_us

_SIZE = 1 << 20
_RANDOM = random.Random(1)  # noqa: S311 - the same text in every run
_SOURCES = Path(__file__).resolve().parents[2] / "firewall" / "gates"


def _hex(size: int) -> str:
    return _RANDOM.randbytes(size // 2).hex()


def _commits() -> bytes:
    rows = [{"id": number, "sha": _hex(40), "text": "a line of words " * 12} for number in range(4000)]
    return json.dumps(rows).encode()


def _log() -> bytes:
    lines = (
        f"2026-11-21T10:00:00Z INFO request id={_hex(32)} path=/v1/items/{n} status=200\n" for n in range(14_000)
    )
    return "".join(lines).encode()


def steps() -> Iterator[Step]:
    """Measure source text, JSON with a hash in each row, log lines with an id each, and a picture in base64."""
    detector = Detector(read_rules(tomllib.loads((shipped() / "credentials.toml").read_text("utf-8"))))
    source = b"".join(path.read_bytes() for path in sorted(_SOURCES.rglob("*.py")))
    kinds = {
        "source text": source * (1 + _SIZE // len(source)),
        "JSON, a hash a row": _commits(),
        "log, an id a line": _log(),
        "base64": base64.b64encode(_RANDOM.randbytes(_SIZE)),
    }
    for name, whole in kinds.items():
        data = whole[:_SIZE]
        if detector.find(data):
            raise RuntimeError(f"{name} holds a credential: something else was measured")
        spent = median_us(lambda data=data: detector.find(data), calls=2, rounds=5)  # type: ignore[misc]  # bound now
        yield Step(f"credentials in 1 MB of {name}: {_SIZE / spent:,.0f} MB/s", "20,000 us", spent)
    answer = kinds["JSON, a hash a row"][:1024]
    yield Step("an answer of 1 KB masked", "", median_us(lambda: masked(answer, detector)))
