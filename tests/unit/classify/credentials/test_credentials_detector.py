"""The detector: what is a credential, what only looks like one. Values are put together, never written out."""

import base64
import json
import random
import re
import string
import tomllib
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.rules import CredentialRules, read_rules
from firewall.core.errors import ConfigError
from firewall.core.spellings import has_long_run
from firewall.core.token import TokenKind, spell
from firewall.policy.defaults import shipped
from tests.support.work import counted

_RANDOM = random.Random(20261121)  # noqa: S311 - the same values in every run
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UUID = "3d2c42fb-9e1a-4c7b-8a55-0d1f6b7c8e90"


def drawn(count: int, alphabet: str = ALNUM) -> str:
    """Draw characters, always the same ones."""
    return "".join(_RANDOM.choice(alphabet) for _ in range(count))


def _rules() -> CredentialRules:
    return read_rules(tomllib.loads((shipped() / "credentials.toml").read_text("utf-8")))


DETECTOR = Detector(_rules())
PAT = "gh" + "p_" + drawn(36)
KEY = drawn(32)
AKIA = "AK" + "IA" + drawn(16, string.ascii_uppercase + "234567")


def coded(text: str) -> str:
    """Return a text in base64."""
    return base64.b64encode(text.encode()).decode()


def spans(text: str, **more: bool) -> list[tuple[str, str]]:
    """Return (rule, value) of what is found."""
    data = text.encode()
    return [(one.rule, data[one.start : one.end].decode()) for one in DETECTOR.find(data, **more)]


_CLASS = re.compile(r"\[([^\]]+)\](?:\{(\d+)(?:,\d+)?\})?|\(\?:([^)]*)\)(\?)?|\\(.)|(.)(?:\{(\d+),\d+\})?")


def _made(shape: str) -> str:
    """Make a text that a shape matches, the shortest."""
    out = ""
    for inner, least, group, optional, escaped, plain, times in _CLASS.findall(shape):
        if inner:
            alphabet = [char for char in ALNUM + "_-" if re.fullmatch(f"[{inner}]", char)]
            letters = [char for char in alphabet if char.isalnum()] or alphabet
            out += drawn(int(least or 1), "".join(letters))
        elif group:
            out += "" if optional else _made(group.split("|")[0])
        else:
            out += (escaped or plain) * int(times or 1)
    return out


@pytest.mark.parametrize("rule", DETECTOR.rules.tokens, ids=lambda rule: rule.name)
def test_every_token_rule_finds_its_own_shape(rule: object) -> None:
    """What a rule describes is found, whole, in JSON, in an assignment and at the end of a line."""
    assert hasattr(rule, "shape")
    value = next(
        made
        for made in (_made(rule.shape.pattern.decode()) for _ in range(200))
        if not DETECTOR.rules.harmless.covers(made.encode())
    )
    for text in (f'{{"x":"{value}"}}', f"X={value}\n", value, f"--x {value};"):
        found = spans(text)
        assert len(found) == 1, (rule, value, text, found)
        assert value in found[0][1] or found[0][1] in value


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        (f'curl -H "Authorization: Bearer {UUID}" https://x.example', "auth-header", UUID),
        (f'{{"command":"curl -H \\"Authorization: Bearer {UUID}\\" x"}}', "auth-header", UUID),
        (f"curl -H 'Project-Access-Token: {UUID}' x", "railway-token", UUID),
        (f"curl -H 'X-Vault-Token: {UUID}' x", "auth-header", UUID),
        (f"RAILWAY_TOKEN={UUID} railway up", "railway-token", UUID),
        (f'  "railway_token": "{UUID}"', "railway-token", UUID),
        (f"HEROKU_API_KEY={UUID}", "uuid-key", UUID),
        (f"git clone https://x:{PAT}@github.com/a/b", "github-pat", PAT),
        (f"psql postgres://app:{KEY}@db.acme.net/app", "address-password", KEY),
        (f"redis://:{KEY}@cache.acme.net:6379/0", "address-password", KEY),
        (f"X-API-Key: {KEY}", "secret-key", KEY),
        (f"--api-key {KEY}", "secret-key", KEY),
        (json.dumps(f"first\n{PAT}\nlast"), "github-pat", PAT),
        (json.dumps(json.dumps({"file": f"first\n{AKIA}\n"})), "aws-access-key", AKIA),
        (f"https://x.example/?a=b\\u0026{AKIA}", "aws-access-key", AKIA),
        (f"u=postgres%3A%2F%2Fapp%3A{KEY}%40db.acme.net%2Fapp", "address-password", KEY),
        (f'{{"content": "{coded(f"token: {PAT}")}"}}', "encoded-github-pat", coded(f"token: {PAT}")),
        (f"data:text/plain;base64,{coded(f'RAILWAY_TOKEN={UUID}')}", "encoded-railway-token", ""),
        (coded(json.dumps({"auths": {"x": {"auth": coded(f"joe:{PAT}")}}})), "encoded-encoded-github-pat", ""),
        ("Authorization: Basic am9lOnMzY3JldHB3", "auth-header", "am9lOnMzY3JldHB3"),
        ("AWS_SECRET_ACCESS_KEY=aB3/def+gH1jk/Lmn0pq+rStuVwx/YzB123bCd4e", "aws-secret-key", ""),
        ("-----BEGIN RSA PRIVATE KEY-----\n" + drawn(200) + "\n-----END RSA PRIVATE KEY-----", "private-key", ""),
        ("-----BEGIN PRIVATE KEY-----\\n" + drawn(200) + "\\n-----END PRIVATE KEY-----", "private-key", ""),
    ],
)
def test_positions_and_names_tell(text: str, rule: str, value: str) -> None:
    """A bare UUID behind `Bearer`, a password in an address, a key under its name: the value alone is found."""
    (found,) = spans(text)
    assert found[0] == rule
    assert found[1] == value or not value


@pytest.mark.parametrize(
    "text",
    [
        f'volumeDelete(volumeId: "{UUID}")',
        f"https://api.example.com/v1/items/{UUID}?x=1",
        "commit 3c1fc2d65a9fad68acf2861c4815efcc6065083c",
        "--hash=sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "export OPENAI_API_KEY=sk-...",
        "export OPENAI_API_KEY=sk-proj-your_key_here_000000000000000000000000000000000000",
        "Authorization: Bearer $TOKEN",
        'Authorization: Bearer ${RAILWAY_TOKEN}"',
        'headers={"Authorization": os.environ["API_TOKEN2"]}',
        "Authorization: Bearer process.env.TOKEN2",
        "git clone https://joe@github.com/acme/app.git",
        "git@github.com:acme/app.git",
        "postgres://postgres:postgres@db.acme.net/app",
        "postgres://app:s3cretpw@localhost:5432/app",
        "postgres://app:s3cretpw@db:5432/app",
        "postgres://app:$PGPASSWORD@db.acme.net/app",
        "postgres://app:${PW}@db.acme.net/app",
        "bearer authentication is described in RFC 6750",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + drawn(200) + "\n-----END PUBLIC KEY-----",
        "test_a_very_long_name_of_a_function_that_holds_2_numbers",
        "ghp_" + "x" * 36,
        "Authorization: Basic cG9zdGdyZXM6cG9zdGdyZXM=",
        coded("nothing that anybody could use, however long this text may become"),
        "u=postgres%3A%2F%2Fpostgres%3Apostgres%40db.acme.net%2Fapp",
    ],
)
def test_everyday_text_is_no_credential(text: str) -> None:
    """Ids, hashes, variables, documentation, logins by name and a laptop's databases are no findings."""
    assert spans(text) == []


def _noise(size: int) -> str:
    return base64.b64encode(_RANDOM.randbytes(size)).decode()


_HARMLESS: dict[str, Callable[[], str]] = {
    "uuid": lambda: "-".join(drawn(size, HEX) for size in (8, 4, 4, 4, 12)),
    "commit": lambda: f"commit {drawn(40, HEX)} ({drawn(7, HEX)})",
    "digest": lambda: f"ghcr.io/acme/app@sha256:{drawn(64, HEX)}",
    "integrity": lambda: f'"integrity": "sha512-{_noise(64)}"',
    "ssh public key": lambda: f"ssh-ed25519 {_noise(51)} joe@laptop",
    "certificate": lambda: f"-----BEGIN CERTIFICATE-----\n{_noise(48)}\n{_noise(48)}\n-----END CERTIFICATE-----",
    "picture": lambda: f'"data": "{_noise(6000)}"',
    "cursor": lambda: f'{{"next_token": "{drawn(40)}", "id": "{drawn(26)}"}}',
    "example": lambda: f"AKIAIOSFODNN7EXAMPLE ghp_{'x' * 36} sk-your-key-here-{drawn(12)} Bearer $API_TOKEN",
}


@pytest.mark.parametrize("kind", _HARMLESS)
def test_of_a_hundred_harmless_values_none_is_found(kind: str) -> None:
    """Ids, hashes, public keys, pictures, cursors and examples are no credentials, in requests and answers."""
    for _ in range(100):
        text = _HARMLESS[kind]()
        assert spans(text, in_answer=True) == []
        assert spans(json.dumps({"output": f"first\n{text}\n"}), in_answer=True) == []


def test_our_own_tokens_are_not_foreign() -> None:
    """A token in our form with a right checksum is ours anywhere; one with a wrong checksum is not."""
    token = spell("staging", TokenKind.AGENT, bytes(range(40)))
    assert spans(f"Authorization: Bearer {token}") == []
    assert spans(f"X-Api-Key: {token}") == []
    wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
    assert spans(f"Authorization: Bearer {wrong}") != []


def test_telling_names_count_in_answers_alone() -> None:
    """`"password": …` counts in an answer whatever it looks like, in a request not; a page's token never."""
    body = '{"password":"hunter22","next_token":"abcdefg123","name":"x"}'
    assert spans(body) == []
    assert spans(body, in_answer=True) == [("secret-field", "hunter22")]


@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from([PAT, KEY, UUID]))
def test_findings_stand_in_order_within_the_bytes(before: bytes, after: bytes, value: str) -> None:
    """For any bytes: no error, spans in order, none empty, none over another, none outside."""
    data = before + value.encode() + after
    end = 0
    for one in DETECTOR.find(data, in_answer=True):
        assert end <= one.start < one.end <= len(data)
        end = one.end


@given(st.lists(st.sampled_from([PAT, KEY, UUID, "abc", '"password": "hunter22"', "\\u0067hp_", " ", "=", "é"])))
def test_who_knows_that_there_is_no_long_run_is_told_the_same(parts: list[str]) -> None:
    """A search that is told that no run of letters is long finds what the search that looks for itself finds."""
    data = "".join(parts).encode()
    for in_answer in (False, True):
        told = DETECTOR.find(data, in_answer=in_answer, may_have_runs=has_long_run(data))
        assert told == DETECTOR.find(data, in_answer=in_answer)


@pytest.mark.parametrize("spelled", [str.upper, str.lower, str.title])
def test_every_telling_name_is_reached(spelled: Callable[[str], str]) -> None:
    """Each header and each field of the rules is found by its name, however written: no search leaves one out."""
    for header in DETECTOR.rules.headers:
        assert spans(f"{spelled(header.decode())}: {KEY}"), header
    assert spans(f"{spelled('bearer')} {KEY}")
    for name in DETECTOR.rules.answers:
        assert spans(f'{{"{spelled(name)}": "hunter22"}}', in_answer=True), name


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "ghp_" * 60_000,
        ("eyJ" + "a" * 30 + ".") * 8_000,
        "-----BEGIN PRIVATE KEY-----" * 10_000,
        "://a:" * 60_000,
        "authorization: " * 20_000,
        "secret=" * 40_000,
        'password": "' * 30_000,
        "a" * 300_000,
        "a_1-" * 70_000,
    ],
)
def test_no_text_costs_more_than_its_length(text: str) -> None:
    """Twice the text takes about twice the steps; quadratic work inside a pattern would not end in the bound."""
    half, whole = text[: len(text) // 2].encode(), text.encode()
    _, steps = counted(lambda: DETECTOR.find(half, in_answer=True))
    _, more = counted(lambda: DETECTOR.find(whole, in_answer=True))
    assert more <= 2.5 * steps + 2_000


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ('{ rule = "x1", marks = ["ab"], shape = "ab(a+)+" }', "shape"),
        ('{ rule = "x1", marks = ["ab"], shape = "ab[a]*" }', "shape"),
        ('{ rule = "x1", marks = ["ab"], shape = "ab(?:[a]{2}(?:b))" }', "shape"),
        ('{ rule = "x1", marks = ["ab"], shape = "ab.{3}" }', "shape"),
        ('{ rule = "x1", marks = [], shape = "ab" }', "marks"),
        ('{ rule = "X 1", marks = ["ab"], shape = "ab" }', "rule"),
        ('{ rule = "x1", marks = ["ab"], shape = "ab", colour = "red" }', "colour"),
    ],
)
def test_shapes_that_could_run_away_are_refused(row: str, why: str) -> None:
    """A rule that repeats without bound, nests, or has an unknown key is refused, naming what is wrong."""
    with pytest.raises(ConfigError, match=why):
        read_rules(tomllib.loads(f"tokens = [{row}]"))


def test_every_named_rule_is_reached() -> None:
    """Each named rule finds a value under each of its names and kinds of names."""
    for rule in DETECTOR.rules.named:
        value = _made(rule.shape.pattern.decode())
        for name, kind in product(rule.names, rule.kinds[:1]):
            found = spans(f"{name}_{kind}={value}")
            assert found, (rule.name, name, value)
