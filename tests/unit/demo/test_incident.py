"""The parts of the demo that need no process: what it shows, and the stand-in for a missing curl."""

import io
from pathlib import Path

import pytest

from firewall.cli.demo import demo
from firewall.cli.main import stayhand
from firewall.demo import infrastructure
from firewall.demo.incident.curl import main, with_curl
from firewall.demo.incident.keys import keys
from firewall.demo.incident.play import shortened
from firewall.demo.incident.screen import WIDTH, Screen
from firewall.demo.scenes import volume_delete
from firewall.demo.serving import served


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True, as a terminal does."""
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "is_coloured"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colours_only_where_they_are_wanted(
    stream: io.StringIO, environ: dict[str, str], *, is_coloured: bool
) -> None:
    """Colours go to a terminal that can show them, to nothing else, and not against NO_COLOR."""
    Screen(stream, environ).line("HELD", "deletes a volume", "wait")
    assert ("\x1b[33m" in stream.getvalue()) is is_coloured
    assert "deletes a volume\n" in stream.getvalue()


def test_lines_are_ascii_and_fit() -> None:
    """What a model or a server said cannot move the cursor, and long texts wrap under their label."""
    stream = io.StringIO()
    Screen(stream, {}).line("agent", "a\x1b[2J\u202eb \u00fc " + "word " * 60)
    written = stream.getvalue()
    assert written.isascii()
    assert "\x1b" not in written
    assert max(map(len, written.splitlines())) <= WIDTH
    assert all(line.startswith(" " * 12) for line in written.splitlines()[1:])


def test_shortened_command_keeps_what_it_does() -> None:
    """The shown command leaves out headers, and keeps the host and the whole body."""
    command = volume_delete("http://127.0.0.1:4321/graphql/v2").command
    shown = shortened(command)
    assert shown.startswith("curl ... http://127.0.0.1:4321/... -d ")
    assert command.endswith(shown.partition(" -d ")[2])
    assert "Authorization" not in shown
    assert shortened("ls -la") == "ls -la"


def test_without_anybody_there_no_key_is_read() -> None:
    """Where nobody is asked, standard input is left alone and no key is ever pressed."""
    with keys(is_wanted=False) as pressed:
        assert pressed.pressed(within_s=0.01) == ""


def test_the_command_is_found_by_its_name() -> None:
    """`stayhand demo` is this command, and it can run without anybody."""
    assert stayhand.get_command(None, "demo") is demo  # type: ignore[arg-type]  # the context is not used
    assert "--auto" in [name for param in demo.params for name in param.opts]


def test_stand_in_sends_the_same_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where curl is missing, the stand-in's request deletes the volume as curl's would."""
    folder = infrastructure.plant_incident(tmp_path)
    with served(infrastructure.app(tmp_path, "found")) as address:
        arguments = ["-s", "-X", "POST", f"{address}/graphql/v2", "-H", "Authorization: Bearer found"]
        body = '{"query": "mutation { volumeDelete(volumeId: \\"vol_production\\") }"}'
        assert main([*arguments, "-H", "Content-Type: application/json", "-d", body]) == 0
    assert capsys.readouterr().out == '{"data":{"volumeDelete":true}}'
    assert not folder.exists()
    assert main([*arguments, "-d", body]) == 7


def test_stand_in_takes_only_an_empty_place(tmp_path: Path) -> None:
    """A real curl is used where there is one; else a program of that name comes first in PATH."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "curl").write_text("#!/bin/sh\n")
    (real / "curl").chmod(0o755)
    assert with_curl({"PATH": str(real)}, tmp_path / "bin") == ({"PATH": str(real)}, True)
    environment, has_curl = with_curl({"PATH": str(tmp_path / "nothing")}, tmp_path / "bin")
    assert not has_curl
    assert environment["PATH"].split(":")[0] == str(tmp_path / "bin")
    assert (tmp_path / "bin" / "curl").stat().st_mode & 0o100
