"""`stayhand demo` as a newcomer runs it: a real process, nobody at the terminal or somebody who presses a key."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from firewall.demo.incident.agent import Agent, Deed, Ran, Said
from firewall.demo.incident.play import HOLD_S, Worker
from firewall.demo.incident.proof import tamper, verify
from firewall.demo.incident.stage import Firewall, Stage, fenced, staged
from tests.support.browser import CHROMIUM, FLAGS, needs_chromium
from tests.support.installation import ANSWER_LIMIT_S, REPOSITORY

PROMISED_S = 60
"""What `--auto` promises, once everything is installed."""
LIMIT_S = 150
"""After which anything else is taken to hang, on a machine that has other work as well."""
pytestmark = pytest.mark.timeout(400)
DEMO = (sys.executable, "-m", "firewall.cli.main", "demo")
WHOLE = "data.db, backups/2026-04-22.db, backups/2026-04-23.db, backups/2026-04-24.db"


def environment(folder: Path, *, path: str = "") -> dict[str, str]:
    """Return an environment with a home and a temporary folder that are empty."""
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir()
    temporary.mkdir()
    return {"PATH": path or os.environ["PATH"], "HOME": str(home), "TMPDIR": str(temporary)}


def check_promises(output: str) -> None:
    """Check part by part what `--auto` promises."""
    first, second, third = re.split(r"\n\d  ", output)[1:]
    assert f"files     {WHOLE}" in first
    assert '{"data":{"volumeDelete":true}}' in first
    assert re.search(r"files     none: the volume is gone, and with it every backup", first)
    assert second.count(f"files     {WHOLE}") == 3
    assert "runs      ls -la" in second
    assert "volumeDelete(" not in second
    assert second.index("HELD") < second.index("/approve/apr_") < second.index("DENIED")
    assert "a person denied it" in second
    proxy, target = second.split("proxy     ")[1].split("target    ")
    assert "REFUSED   403 credential_foreign" in proxy
    assert target.index("HELD      deletes volume") < target.index("DENIED    by alice as well")
    assert re.search(r"sign in as alice with passphrase [a-z]+(-[a-z]+)+-\d+", second)
    whole, broken = third.split("change    ")
    assert re.search(r"ok: \d+ entries", whole)
    changed = re.search(r"one byte in a copy: entry (\d+) \(approval\.voted\)", broken)
    assert changed is not None
    assert f"entry {changed[1]}: body does not match its leaf" in broken
    assert re.search(r"failed: 1 finding in \d+ entries", broken)


def test_auto_keeps_every_promise(tmp_path: Path) -> None:
    """Nobody presses anything: deleted without, kept with, verified, the changed entry named, nothing left."""
    surroundings = environment(tmp_path)
    done = subprocess.run(
        [*DEMO, "--auto"],
        cwd=REPOSITORY,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PROMISED_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    check_promises(done.stdout)
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) <= 44
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "home").iterdir()) == []

    assert missing_from(done.stdout) == []


def missing_from(output: str) -> list[str]:
    """Return the lines of README's first two blocks that the demo does not print, numbers and names aside."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    shown = [line for block in readme.split("```")[1:4:2] for line in block.strip("\n").splitlines()]
    real = {settled(line) for line in output.splitlines()}
    assert len(shown) > 20
    return [line for line in shown if line and line != "$ make demo" and settled(line) not in real]


def settled(line: str) -> str:
    """Return a line without what differs from run to run."""
    line = re.sub(r"apr_\w+", "apr_", line)
    line = re.sub(r"root \S+", "root", line)
    return re.sub(r"\d+", "0", line)


def test_without_a_terminal_it_says_so_and_goes_on(tmp_path: Path) -> None:
    """In a pipe nobody can decide: the demo says that it denies by itself, and works without curl installed."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("ls", "sh"):
        (tools / name).symlink_to(Path("/bin") / name)
    done = subprocess.run(
        DEMO,
        cwd=REPOSITORY,
        env=environment(tmp_path, path=str(tools)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no terminal here" in done.stderr
    assert "curl is not installed" in done.stdout
    check_promises(done.stdout)


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("d", ["DENIED    by alice", f"files     {WHOLE}", "ok: "]),
        ("a", ["APPROVED  by alice: exactly this command", "files     none: a person wanted it so", "ok: "]),
    ],
)
def test_one_key_decides(key: str, wanted: list[str], tmp_path: Path) -> None:
    """At a terminal `d` denies and `a` approves; what happens then is shown as it is."""
    plain, code = at_a_terminal(lambda _, run: run.press(key), environment(tmp_path))
    assert code == 0, plain
    second = plain[plain.index("2  With Stayhand") :]
    places = [second.rindex(text) for text in wanted]
    assert places == sorted(places)
    assert ('{"data":{"volumeDelete":true}}' in second) is (key == "a")
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.browser
def test_a_click_in_the_browser_decides(tmp_path: Path) -> None:
    """The shown link, name and passphrase open the page; nothing is decided by opening it; Deny denies."""
    needs_chromium()
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"), executable_path=CHROMIUM, headless=True, args=FLAGS
        )
        page = context.new_page()
        plain, code = at_a_terminal(lambda said, _: clicked(said, page), environment(tmp_path))
        context.close()
    assert code == 0, plain
    second = plain[plain.index("2  With Stayhand") :]
    assert "DENIED    by alice" in second
    assert second.count(f"files     {WHOLE}") == 3


def clicked(said: str, page: Page) -> None:
    """Follow the link that the demo shows, sign in with what it shows, read and deny."""
    link = re.search(r"http://localhost:\d+/approve/\w+", said)
    shown = re.search(r"sign in as (\w+) with passphrase (\S+)", said)
    assert link is not None
    assert shown is not None
    page.goto(link[0])
    page.get_by_label("Name").fill(shown[1])
    page.get_by_label("Passphrase").fill(shown[2])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Sign out").wait_for()  # the form stood at the same address
    page.wait_for_load_state()
    assert "volumeDelete" in page.content()
    page.get_by_role("button", name="Deny").click()
    page.get_by_text("Denied").first.wait_for()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_ending_it_leaves_nothing_behind(number: int, code: int, tmp_path: Path) -> None:
    """Ended while the call is held, the demo takes its server and its folder with it."""
    ports: list[str] = []

    def end(said: str, run: Run) -> None:
        ports.extend(re.findall(r"http://localhost:(\d+)/approve", said))
        run.process.send_signal(number)

    plain, ended = at_a_terminal(end, environment(tmp_path))
    assert ended == code, plain
    assert "Traceback" not in plain
    assert list((tmp_path / "tmp").iterdir()) == []
    assert len(ports) == 1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{ports[0]}/healthz", trust_env=False, timeout=ANSWER_LIMIT_S)


@dataclass(frozen=True, slots=True)
class Run:
    """A demo on a terminal of its own."""

    process: "subprocess.Popen[bytes]"
    terminal: int

    def press(self, key: str) -> None:
        """Press one key."""
        os.write(self.terminal, key.encode())


def at_a_terminal(answer: Callable[[str, Run], None], surroundings: dict[str, str]) -> tuple[str, int]:
    """Run the demo on a terminal of its own and answer when it asks; returns what it wrote, without colours."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        DEMO,
        cwd=REPOSITORY,
        env={**surroundings, "TERM": "xterm"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    output = ""
    is_answered = False
    try:
        for _ in range(LIMIT_S * 10):
            ready, _, _ = select.select([leader], [], [], 0.1)
            piece = _read(leader) if ready else None
            if piece == "":
                break
            output += piece or ""
            if "press d to deny" in output and not is_answered:
                is_answered = True
                answer(re.sub(r"\x1b\[\d+m", "", output), Run(process, leader))
        return re.sub(r"\x1b\[\d+m", "", output.replace("\r\n", "\n")), process.wait(LIMIT_S)
    finally:
        os.close(leader)
        if process.poll() is None:
            process.kill()
            process.wait()


def _read(leader: int) -> str:
    try:
        return os.read(leader, 65536).decode()
    except OSError:
        return ""


@contextmanager
def held(deeds: list[Deed]) -> Iterator[tuple[Stage, Firewall, Worker, str]]:
    """Bring the play to the point where the call is held."""
    with staged() as stage, fenced(stage, hold_s=HOLD_S) as firewall:
        stage.plant()
        agent = Agent(firewall.agents, firewall.agent_token, stage.workspace, stage.environment, deeds.append)
        worker = Worker(agent)
        for _ in range(600):
            if firewall.waiting() is not None or worker.is_done:
                break
            worker.pause(0.1)
        approval = firewall.waiting()
        assert approval is not None, deeds
        yield stage, firewall, worker, str(approval["id"])
        worker.finish(LIMIT_S)


def test_what_the_demo_shows_is_so(tmp_path: Path) -> None:
    """Seen from outside: held, the files lie there and the agent has run one harmless command; denied, as well."""
    deeds: list[Deed] = []
    with held(deeds) as (stage, firewall, worker, approval):
        volume = stage.volumes / "vol_production"
        assert (volume / "data.db").is_file()
        assert [deed.command for deed in deeds if isinstance(deed, Ran)] == ["ls -la"]
        page = httpx.get(f"{firewall.control}/approve/{approval}", trust_env=False, timeout=ANSWER_LIMIT_S)
        assert "volumeDelete" not in page.text
        firewall.decide(approval, "deny")
        worker.finish(LIMIT_S)
        assert len(list((volume / "backups").glob("*.db"))) == 3
        assert [deed.command for deed in deeds if isinstance(deed, Ran)] == ["ls -la"]
        assert any(isinstance(deed, Said) and "denied" in deed.text for deed in deeds)
        copy = tmp_path / "copy.db"
        assert verify(firewall.database, firewall.verify_key).ok
        seq, kind = tamper(firewall.database, copy)
        assert kind == "approval.voted"
        before = httpx.get(f"{firewall.control}/healthz", trust_env=False, timeout=ANSWER_LIMIT_S)
    assert before.status_code == 200
    said = verify(copy, firewall.verify_key)
    assert not said.ok
    assert said.lines[0].startswith(f"entry {seq}:")
    assert not stage.folder.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{firewall.control}/healthz", trust_env=False, timeout=ANSWER_LIMIT_S)
