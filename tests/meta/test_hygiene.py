"""Nothing is committed that belongs to one machine, one registry or one person."""

import re
from pathlib import Path

import pytest

from tests.meta.tree import shown, texts

_OWN = "tests/meta/test_hygiene.py"
_RULES = {
    "a path of a machine": re.compile(
        r"(?<![\w.])/(?:work/(?:main|shared|\.library)|root|home/[a-z]\w*|Users/\w+)/[\w.-]+"
    ),
    "a registry's address": re.compile(
        r"(?i)pypi\.org|pythonhosted\.org|registry\.npmjs\.org|--(?:extra-)?index-url|--find-links"
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}"),
    "a credential": re.compile(
        r"\b(?:sk-ant-[\w-]{24,}|sk-proj-[\w-]{24,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|AIza[\w-]{35}"
        r"|xox[baprs]-\d{8,}-[\w-]{10,})\b"
    ),
    "an unfinished place": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
    "a silenced check without a reason": re.compile(
        r"#\s*noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?\s*$|#\s*type:\s*ignore(?:\[[\w, -]+\])?\s*$|#\s*nosec\s*$",
        re.MULTILINE,
    ),
}
_SPARED = {
    # Fixtures of what classifiers must recognise, and paths of pretend machines in commands that are judged.
    "a path of a machine": ("tests/", "policies/cases/", "docs/", "README.md", "firewall/demo/"),
    "a credential": ("tests/cases/", "tests/unit/classify/", "policies/cases/"),
    "a registry's address": (
        "policies/",
        "tests/cases/",
        "tests/unit/classify/",
        "tests/property/classify/",
        "docs/egress.md",
    ),
}


@pytest.mark.parametrize("what", sorted(_RULES))
def test_no_file_holds(what: str) -> None:
    """No committed file holds what is named, outside the places where it is the subject itself."""
    spared = (_OWN, *_SPARED.get(what, ()))
    found = [
        f"{shown(path)}:{text.count(chr(10), 0, hit.start()) + 1} {hit.group()[:60]!r}"
        for path, text in texts()
        if not shown(path).startswith(spared) and path.suffix != ".lock"
        for hit in _RULES[what].finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of a machine", "open('/" + "root/x')"),
        ("a registry's address", "https://py" + "pi.org/simple"),
        ("a credential", "AK" + "IA" + "A" * 16),
        ("an unfinished place", "# TO" + "DO: later"),
        ("a silenced check without a reason", "x = 1  # no" + "qa: S101"),
    ],
)
def test_the_rules_find_what_they_name(what: str, text: str) -> None:
    """Each rule recognises a planted example: a rule that finds nothing is no rule."""
    assert _RULES[what].search(text)


def test_text_files_end_cleanly() -> None:
    """Text files use plain line ends and end in one."""
    odd = [
        shown(path)
        for path, text in texts()
        if text
        and Path(path).suffix in {".py", ".md", ".toml", ".yaml", ".csv"}
        and ("\r" in text or not text.endswith("\n"))
        and "tests/cases/" not in shown(path)
    ]
    assert odd == []
