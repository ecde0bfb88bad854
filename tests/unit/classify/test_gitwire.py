"""git over HTTP, read from the wire."""

import pytest

from firewall.classify.gitwire import RefChange, changes_in, drafts_of
from firewall.core.effect import Effect
from firewall.core.outgoing import Outgoing

OLD, NEW, NONE = "1" * 40, "2" * 40, "0" * 40


def pkt(*lines: str) -> bytes:
    """Frame lines as git does, with the flush behind them."""
    return b"".join(f"{len(line.encode()) + 4:04x}{line}".encode() for line in lines) + b"0000"


def _push(body: bytes) -> list[set[Effect]]:
    found = drafts_of(Outgoing("POST", "/acme/app.git/git-receive-pack", body=body), "git.example", (0, 4))
    assert found is not None
    return [draft.effects for draft in found]


@pytest.mark.parametrize(
    ("line", "effects"),
    [
        (f"{NONE} {NEW} refs/heads/topic\0report-status", {Effect.WRITE}),
        (f"{OLD} {NONE} refs/heads/main\0report-status", {Effect.DESTRUCTIVE}),
        (f"{OLD} {NEW} refs/heads/main\0report-status", {Effect.WRITE, Effect.UNKNOWN}),
        (f"{NONE} {NEW} refs/tags/v1\n", {Effect.WRITE}),
        (f"{'0' * 64} {'3' * 64} refs/heads/sha256", {Effect.WRITE}),
    ],
)
def test_a_push_is_judged_by_its_refs(line: str, effects: set[Effect]) -> None:
    """Making a ref writes, removing one destroys, moving one may lose commits."""
    assert _push(pkt(line) + b"PACK...") == [effects]


def test_every_ref_of_a_push_is_an_action() -> None:
    """A deletion behind a harmless ref is seen."""
    body = pkt(f"{NONE} {NEW} refs/heads/a\0caps", f"{OLD} {NONE} refs/heads/b")
    assert _push(body) == [{Effect.WRITE}, {Effect.DESTRUCTIVE}]
    assert changes_in(body)[1] == RefChange(OLD, NONE, "refs/heads/b")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"0000",
        b"00",
        b"zzzz",
        b"0004",
        b"0003",
        b"ffff" + b"x" * 10,
        pkt("push-cert\0caps"),
        pkt("nonsense"),
        pkt(f"{OLD} {NEW} HEAD"),
        pkt(*(f"{NONE} {NEW} refs/heads/{number}" for number in range(201))),
    ],
)
def test_a_push_that_cannot_be_read_is_unknown(body: bytes) -> None:
    """Broken frames, signed pushes, odd refs and endless lists are one unknown action."""
    assert _push(body) == [{Effect.UNKNOWN}]


def test_a_fetch_reads() -> None:
    """git-upload-pack is POST and changes nothing."""
    (draft,) = drafts_of(Outgoing("POST", "/acme/app/git-upload-pack", body=b"x"), "git.example", (0, 4)) or []
    assert (draft.effects, draft.resource) == ({Effect.READ}, "repository:git.example/acme/app")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/acme/app/git-upload-pack"), ("POST", "/git-upload-pack"), ("POST", "/acme/app/git-upload-pack/x")],
)
def test_other_requests_are_no_git(method: str, path: str) -> None:
    """Another method or another path is judged like every request."""
    assert drafts_of(Outgoing(method, path), "git.example", (0, 4)) is None
