"""No secret of an installation is said or kept anywhere: everything is driven, then every byte is searched.

Targets and providers that echo what they were sent, in every form; errors, rubbish, silence and redirects; the
server as talkative as it can be made; its files, its stacks, the repr of everything alive, its children.
"""

import contextlib
import itertools
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.canaries import canary, forms, hits
from tests.support.canary_house import LIMIT_S, MOODS, House, canary_house
from tests.support.installation import REPOSITORY, cli
from tests.support.speaking import credentials, request


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A loud server with secrets that are known."""
    with canary_house(tmp_path_factory.mktemp("canary")) as found:
        yield found


@pytest.mark.parametrize(
    ("target", "mood"),
    [*itertools.product(["by-variable", "by-vault", "by-file", "by-command"], MOODS), ("closed", "fine")],
)
def test_targets_are_driven(house: House, target: str, mood: str) -> None:
    """Whatever a target answers, the request ends, whole or broken off, and the server goes on."""
    headers = {"x-stayhand-token": house.token}
    with httpx.Client(trust_env=False, timeout=LIMIT_S, headers=headers) as client:
        for method, body in (("GET", b""), ("POST", b'{"a": 1}'), ("DELETE", b"")):
            url = f"{house.firewall.agents}/infra/{target}/v1/mood-{mood}"
            said = b""
            with contextlib.suppress(httpx.RemoteProtocolError), client.stream(method, url, content=body) as got:
                said = repr([got.status_code, list(got.headers.items())]).encode()
                for piece in got.iter_raw():
                    said += piece
            house.said.append((f"{method} {target} {mood}", said))
            assert said
    assert house.firewall.process.poll() is None


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", ["anthropic", "responses"])
def test_providers_are_driven(house: House, dialect: str, mood: str, stream: bool) -> None:  # noqa: FBT001 - a parameter
    """Whatever a provider answers, the agent gets an answer or the connection ends."""
    path, body = request(dialect, f"mood-{mood}, use a tool", stream=stream)
    with contextlib.suppress(httpx.HTTPError):
        answer = httpx.post(
            f"{house.firewall.agents}{path}", json=body, headers=credentials(dialect, house.token),
            timeout=LIMIT_S, trust_env=False,
        )  # fmt: skip
        house.note(f"{dialect} {mood}", answer)
    assert house.firewall.process.poll() is None


def test_aws_is_driven(house: House) -> None:
    """A throw-away key signs, the real one signs anew; neither secret is said."""
    minted = json.loads(
        house.run("token", "mint", "--env", "staging", "--owner", "alice", "--aws", "cloud", "--json")
    )
    house.said.pop()  # its answer holds the new token and its key, as it should
    house.canaries["throw-away secret"] = (
        minted["aws"]["AWS_SECRET_ACCESS_KEY"] if "aws" in minted else minted["AWS_SECRET_ACCESS_KEY"]
    )
    house.canaries["second token"] = minted["token"]
    keys = minted.get("aws", minted)
    code = (
        "import boto3, botocore.config as c; k = boto3.client('sts', region_name='eu-west-1', "
        "config=c.Config(retries={'total_max_attempts': 1}))\n"
        "try: print(k.get_caller_identity())\nexcept Exception as e: print(e)"
    )
    endpoint = f"{house.firewall.agents}/infra/cloud"
    env = {
        **os.environ,
        **{name: value for name, value in keys.items() if name.startswith("AWS_")},
        "AWS_ENDPOINT_URL": endpoint,
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    house.said.append(("boto3", (done.stdout + done.stderr).encode()))
    assert done.returncode == 0, done.stderr


def test_a_found_credential_is_followed_from_gate_to_gate(house: House) -> None:
    """Read by a command at one gate, presented at another: refused, and the entry says where it comes from."""
    found = house.canaries["found in a file"] = "gh" + "p_" + secrets.token_hex(18)
    path, body = request("anthropic", "deploy it", stream=False)
    used = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "cat deploy/.env"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": f"GH={found}\n"}
    body["messages"] = [
        {"role": "user", "content": "deploy it"},
        {"role": "assistant", "content": [used]},
        {"role": "user", "content": [result]},
    ]
    for _ in range(2):
        said = httpx.post(
            f"{house.firewall.agents}{path}", json=body, headers=credentials("anthropic", house.token),
            timeout=LIMIT_S, trust_env=False,
        )  # fmt: skip
        assert said.status_code == 200
    for more in ({"authorization": f"Bearer {found}"}, {"x-other": found}):
        got = httpx.get(
            f"{house.firewall.agents}/infra/by-vault/v1/items", headers={"x-stayhand-token": house.token, **more},
            timeout=LIMIT_S, trust_env=False,
        )  # fmt: skip
        assert got.status_code == 403
        house.note("foreign", got)
    seen = [one for one in house.entries() if one["kind"] == "credential.foreign"]
    assert [one["data"]["used"] for one in seen] == [False, True, True]
    assert len({one["data"]["credential"] for one in seen}) == 1
    words = [one["private"]["first_seen"] for one in seen]
    assert words[0] == "result of Bash: cat deploy/.env, message 3"
    assert words[1] == words[2] == f"{words[0]} (at the models gate)"


@pytest.mark.timeout(240)
def test_people_and_commands_are_driven(house: House) -> None:
    """Approvals, pages, sign-ins good and bad, entries, metrics, doctor, explain, policy, listings."""
    firewall = house.firewall
    with httpx.Client(trust_env=False, timeout=LIMIT_S, base_url=firewall.control) as client:
        shown = house.installed.shown
        for name, passphrase in (("alice", "wrong"), (shown["approver"], shown["passphrase"])):
            body = {"name": name, "passphrase": passphrase}
            house.note("sign-in", client.post("/api/session", json=body, headers={"origin": firewall.control}))
        for headers in (firewall.admin, firewall.approver, {"authorization": f"Bearer {house.token}"}, {}):
            for path in ("/", "/console/", "/api/approvals", "/api/tokens", "/api/approvers", "/api/credentials",
                         "/api/status", "/metrics", "/healthz", "/readyz", "/api/entries/999999"):  # fmt: skip
                house.note(path, client.get(path, headers=headers))
        for approval in firewall.approvals():
            house.note("page", client.get(f"/approve/{approval['id']}", headers=firewall.approver))
            house.note("approval", client.get(f"/api/approvals/{approval['id']}", headers=firewall.approver))
        assert len(house.entries()) > 50
    for words in (
        ("doctor",), ("doctor", "--offline", "--json"), ("token", "list", "--json"),
        ("approver", "list", "--json"), ("credential", "list", "--json"),
        ("approvals", "list", "--json"), ("policy", "check"), ("policy", "load"),
        ("policy", "explain", "--json", "--", "curl https://api.github.com/user"), ("credential", "add", "x y"),
        ("credential", "add", "bad", "--purpose", "nothing"),
    ):  # fmt: skip
        house.run(*words, value=house.canaries["target"])
    house.run("serve")  # a second server is refused, and says why


def test_bad_configuration_does_not_repeat_what_stands_in_it(house: House) -> None:
    """A secret written where a reference belongs is refused without being shown."""
    text = house.installed.config.read_text()
    for number, wrong in enumerate((
        text.replace('{ env = "CANARY_PROVIDER" }', f'"{house.canaries["provider"]}"'),
        text.replace('{ vault = "target" }', f'{{ value = "{house.canaries["target"]}" }}'),
        text.replace('{ vault = "target" }', f'{{ env = ["{house.canaries["target"]}"] }}'),
    )):  # fmt: skip
        assert wrong != text
        path = house.folder / f"wrong-{number}.toml"
        path.write_text(wrong)
        done = cli("--config", str(path), "doctor")
        house.said.append((path.name, (done.stdout + done.stderr).encode()))
        assert done.returncode == 1
        path.unlink()


def test_children_inherit_no_secret(house: House) -> None:
    """What runs for us, and the process table, hold none: the command of a reference, an agent that is started."""
    ran = house.run("run", "--env", "staging", "--", "env")
    assert "PATH=" in ran
    said = house.said.pop()[1]
    shown = {name: value for name, value in house.canaries.items() if name != "agent token"}
    assert hits(said, shown) == []
    environment = (house.folder / "env").read_bytes()
    assert b"PATH=" in environment
    assert hits(environment, house.canaries) == []
    assert hits(Path(f"/proc/{house.firewall.process.pid}/cmdline").read_bytes(), house.canaries) == []


def test_a_dump_and_every_repr_hold_no_secret(house: House) -> None:
    """Stacks of all threads, and the repr of all that is alive in the process."""
    target = house.folder / "reprs.txt"
    house.firewall.process.send_signal(signal.SIGUSR1)
    house.firewall.process.send_signal(signal.SIGUSR2)
    until = time.monotonic() + LIMIT_S
    while not target.exists() and time.monotonic() < until:
        assert house.firewall.process.poll() is None
        time.sleep(0.05)
    assert target.exists(), "".join(line[:200] for line in house.firewall.lines[-12:])
    text = target.read_bytes()
    assert b"firewall.settings" in text
    assert b"firewall.tokens.vault.store.Vault" in text
    ours = {name: value for name, value in house.canaries.items() if name != "found in a file"}  # it is in flight
    assert _lines(text, ours) == []


def test_no_answer_and_no_line_holds_a_secret(house: House) -> None:
    """76: Every byte that agents, people and the terminal got; the log of the server at debug."""
    assert house.told() == {}
    log = "".join(house.firewall.lines).encode()
    assert _lines(log, house.canaries) == []
    assert re.search(rb"stayhand\S* INFO verdict=", log)  # as the loud server writes it


def test_no_file_holds_a_secret_but_its_own(house: House) -> None:
    """76: Every file of the installation, the database's side files included; exports and proofs of the log."""
    exported = subprocess.run(
        [sys.executable, "-m", "audit", "export", "--log", str(house.installed.database)],
        cwd=REPOSITORY, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert exported.stdout.count(b"\n") > 50, exported.stderr
    assert hits(exported.stdout + exported.stderr, house.canaries) == []
    assert {"vault.db", "stayhand.db", "keystore.db"} <= {path.name for path in house.files()}
    assert house.kept() == {}


def test_a_planted_leak_is_found(house: House) -> None:
    """Had any secret been said or kept in any of its forms, the searches above would have failed."""
    said = list(house.said)
    planted = house.installed.database.parent / "planted"
    planted.mkdir()
    try:
        for name, secret in house.canaries.items():
            for form, text in forms(secret).items():
                (planted / f"{name} {form}").write_bytes(b"some text: " + text)
                house.said.append((f"{name} {form}", b"some answer: " + text))
        wanted = {f"{name} {form}": [name] for name, secret in house.canaries.items() for form in forms(secret)}
        assert {path.name: names for path, names in house.kept().items()} == wanted
        assert house.told() == wanted
    finally:
        house.said[:] = said
        for path in planted.iterdir():
            path.unlink()
        planted.rmdir()


def _lines(text: bytes, canaries: dict[str, str]) -> list[bytes]:
    """Return the lines that hold a secret; none of them is looked at where the whole holds none."""
    return [line[:300] for line in text.split(b"\n") if hits(line, canaries)] if hits(text, canaries) else []


def test_the_search_finds_what_it_looks_for() -> None:
    """A canary is found in each of its forms, wherever it stands; other text holds none."""
    secret = canary("itself")
    for form, text in forms(secret).items():
        assert hits(b"some text " + text + b"; more", {"it": secret}) == ["it"], form
    assert hits(b"canary.itself." + b"0" * 40, {"it": secret}) == []
