"""What `audit export` writes: as it came to a file or a pipe, nothing to obey at a terminal."""

import io
import json

import pytest

from firewall.cli.audit_taking import _written

LINE = (
    json.dumps({"a": "\u009b31m \u202e \x7f é 😀 \x1b[2J", "n": 12345678901234567890}, ensure_ascii=False) + "\n"
)


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize("screen", [Screen(), io.StringIO()], ids=["terminal", "pipe"])
def test_a_terminal_is_given_nothing_to_obey(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent's control characters beyond ASCII are escaped where somebody looks; it says the same."""
    monkeypatch.setattr("sys.stdout", screen)
    _written(iter(["{}\n", LINE]), None)
    text = screen.getvalue()
    assert [json.loads(line) for line in text.splitlines()[:1]] == [{}]
    assert json.loads(text.partition("\n")[2]) == json.loads(LINE)
    if screen.isatty():
        assert text.replace("\n", "").isascii()
        assert text.replace("\n", "").isprintable()
    else:
        assert text == "{}\n" + LINE
