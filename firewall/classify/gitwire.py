"""git over HTTP: what a fetch or a push asks of a server, read from the wire.

A push names every ref with its old and its new commit. Making one is a write and removing one destroys; whether
moving one loses commits stands in the history, not in the request, so that is unknown.
Spec: gitprotocol-http(5), gitprotocol-pack(5), gitprotocol-common(5) (pkt-line).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from firewall.classify.draft import Draft, shown
from firewall.core.effect import Effect
from firewall.core.outgoing import Outgoing

MAX_REFS = 200
_SERVICE = re.compile(r"(/.+)/git-(upload|receive)-pack")
_COMMAND = re.compile(
    rb"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (refs/[^\x00-\x20\x7f~^:?*\[\\]+)"
)
_LENGTH = re.compile(rb"[0-9a-fA-F]{4}")


@dataclass(frozen=True, slots=True)
class RefChange:
    """One ref of a push."""

    old: str
    new: str
    ref: str

    @property
    def is_new(self) -> bool:
        """The ref did not exist."""
        return not self.old.strip("0")

    @property
    def is_removed(self) -> bool:
        """The ref is taken away."""
        return not self.new.strip("0")


def drafts_of(outgoing: Outgoing, host: str, span: tuple[int, int]) -> list[Draft] | None:
    """Return what a request to a git service does; None: it is none."""
    found = _SERVICE.fullmatch(outgoing.path)
    if found is None or outgoing.method != "POST":
        return None
    repository = f"{host}{found[1].removesuffix('.git')}"
    if found[2] == "upload":
        draft = Draft("git:fetch", f"repository:{repository}", effects={Effect.READ})
        draft.summary = f"fetches from {shown(repository)}"
        draft.point(span, draft.summary)
        return [draft]
    changes = changes_in(outgoing.body)
    if not changes:
        draft = Draft("git:push", f"repository:{repository}", effects={Effect.UNKNOWN})
        draft.summary = f"pushes to {shown(repository)}"
        draft.unseen.append("which branches it changes")
        draft.point(span, draft.summary)
        return [draft]
    return [_pushed(change, repository, span) for change in changes]


def changes_in(body: bytes) -> list[RefChange]:
    """Return the refs that a push names; none where the body cannot be read as one, or names too many."""
    found: list[RefChange] = []
    for line in _lines(body):
        if line is None:
            return []
        if line.startswith(b"shallow "):
            continue
        matched = _COMMAND.fullmatch(line.partition(b"\0")[0].rstrip(b"\n"))
        if matched is None or len(found) >= MAX_REFS:
            return []
        old, new, ref = (group.decode("utf-8", "replace") for group in matched.groups())
        found.append(RefChange(old, new, ref))
    return found


def _lines(body: bytes) -> Iterator[bytes | None]:
    """Yield the lines before the first flush; None once where they cannot be read."""
    position = 0
    while True:
        length = body[position : position + 4]
        if not _LENGTH.fullmatch(length):
            yield None
            return
        size = int(length, 16)
        if size == 0:
            return
        if size < 5 or position + size > len(body):
            yield None
            return
        yield body[position + 4 : position + size]
        position += size


def _pushed(change: RefChange, repository: str, span: tuple[int, int]) -> Draft:
    name = change.ref.removeprefix("refs/heads/")
    kind = "branch" if name != change.ref else "ref"
    draft = Draft("git:push", f"{kind}:{repository}/{name}")
    where = f"{shown(name)} of {shown(repository)}"
    if kind == "branch":
        draft.attributes["branch"] = name
    if change.is_removed:
        draft.effects, draft.summary = {Effect.DESTRUCTIVE}, f"removes {where}"
    elif change.is_new:
        draft.effects, draft.summary = {Effect.WRITE}, f"makes {where}"
        draft.undo = "the new ref can be removed again"
    else:
        draft.effects, draft.summary = {Effect.WRITE, Effect.UNKNOWN}, f"moves {where}"
        draft.attributes["force"] = True
        draft.unseen.append("whether commits are lost: a forced push looks the same here")
    draft.point(span, draft.summary)
    return draft
