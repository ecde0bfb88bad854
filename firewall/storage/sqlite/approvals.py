"""Approvals at rest. What a call is about is sealed under its owner's key; the rest is plain."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from firewall.core import demand
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.errors import StoreError
from firewall.core.verdict import Obligations
from firewall.core.work import HeedApproval, MoveApproval, OpenApproval, Unmet, UseApproval
from firewall.storage.sqlite.forms import BEGUN

_COLUMNS = (
    "id, status, digest, principal, token, session, environment, effects, approver_group, opened_at, expires_at,"
    " use_before, decided_at, decided_by, self_approved, reason, subject_key, subject, obligations, uses, used,"
    " glass, instead, authors"
)


def _unrevoked(token: str) -> str:
    """Return the condition that neither a token nor one above it is revoked; `token` is SQL of ours."""
    return (
        f" AND NOT EXISTS (WITH RECURSIVE line(id) AS (SELECT {token}"  # noqa: S608 - constants
        " UNION SELECT tokens.parent FROM line CROSS JOIN tokens ON tokens.id = line.id)"
        " SELECT 1 FROM line CROSS JOIN tokens ON tokens.id = line.id WHERE tokens.revoked_at > 0)"
    )


_UNREVOKED = _unrevoked("approvals.token")
"""What nobody came to withdraw is no other token's."""


_LAST_ID = "\x7f"
_LAST_AT = 2**62
"""Behind every id."""


@dataclass(frozen=True, slots=True)
class Most:
    """When a page of approvals ends."""

    rows: int
    sealed_bytes: int
    """Of subjects, as they are stored."""


@dataclass(frozen=True, slots=True)
class StoredApproval:
    """An approval with its sealed parts still closed."""

    approval: Approval
    subject_key: str
    subject: bytes
    reason: bytes


def open_approval(
    connection: sqlite3.Connection, step: OpenApproval, index: int, sealed: tuple[str, bytes]
) -> Unmet | None:
    """Insert a pending approval, unless an equal one is open or the requester has too many pending.

    One that was approved between the call's judgement and this step is open as well: it is there to be used.
    """
    unmet = not_opened(connection, step, index)
    if unmet is not None:
        return unmet
    wanted = step.approval
    key, subject = sealed
    connection.execute(
        f"INSERT INTO approvals ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - constant
        (
            wanted.id, wanted.status.value, wanted.digest, wanted.principal, wanted.token, wanted.session,
            wanted.environment, " ".join(wanted.effects), wanted.obligations.groups, wanted.opened_at,
            wanted.expires_at, 0, 0, "", 0, None, key, subject, _written(wanted.obligations), 1, 0,
            0, "", " ".join(_authors(connection, wanted)),
        ),
    )  # fmt: skip
    return None


def _authors(connection: sqlite3.Connection, wanted: Approval) -> list[str]:
    """Return who wrote this form, now or when it was asked before: asked again, it is still his."""
    found = connection.execute(
        "SELECT authors FROM approvals WHERE principal = ? AND digest = ? AND authors <> ''",
        (wanted.principal, wanted.digest),
    )
    return sorted({*wanted.authors, *(one for (words,) in found for one in str(words).split())})


def not_opened(connection: sqlite3.Connection, step: OpenApproval, index: int) -> Unmet | None:
    """Return why an approval would not be opened as things stand; None: it would be."""
    wanted = step.approval
    found = connection.execute(
        "SELECT id FROM approvals WHERE principal = :who AND digest = :what"  # noqa: S608 - constants
        " AND (status = 'pending' AND expires_at > :now OR status = 'approved' AND use_before > :now)"
        + _UNREVOKED,
        {"who": wanted.principal, "what": wanted.digest, "now": wanted.opened_at},
    ).fetchone()
    if found is not None:
        return Unmet(index, "open_exists", found=str(found[0]))
    return _too_many(connection, step, index)


def _too_many(connection: sqlite3.Connection, step: OpenApproval, index: int) -> Unmet | None:
    """Return why people are not asked: they said no to the same just now, or have enough of this requester."""
    wanted = step.approval
    if denied := _denied(connection, step):
        return Unmet(index, "denied_before", found=denied)
    pending, of_session = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE session = ?) FROM approvals"
        " WHERE principal = ? AND status = 'pending' AND expires_at > ?",
        (wanted.session, wanted.principal, wanted.opened_at),
    ).fetchone()
    if pending >= step.max_pending:
        return Unmet(index, "too_many_pending")
    if wanted.session and step.max_of_session and of_session >= step.max_of_session:
        return Unmet(index, "too_many_of_session")
    return None


def _denied(connection: sqlite3.Connection, step: OpenApproval) -> str:
    """Return the id of the denial that answers a call before anybody is asked; empty: none does."""
    wanted = step.approval
    found = connection.execute(
        "SELECT id FROM approvals AS one WHERE principal = :who AND digest = :what AND status = 'denied'"
        " AND (:since > 0 AND decided_at > :since OR :heeds AND expires_at > :now AND NOT EXISTS (SELECT 1 FROM"
        " approvals AS newer WHERE principal = :who AND digest = :what AND newer.rowid > one.rowid))"
        " ORDER BY decided_at DESC LIMIT 1",
        {
            "who": wanted.principal, "what": wanted.digest, "since": step.denied_since,
            "heeds": step.heeds_denial, "now": wanted.opened_at,
        },
    ).fetchone()  # fmt: skip
    return "" if found is None else str(found[0])


def move_approval(
    connection: sqlite3.Connection, step: MoveApproval, index: int, reason: bytes | None
) -> Unmet | None:
    """Take one step of the state machine, if the approval still stands where the caller saw it.

    A pending approval can be decided only before `expires_at`, an approved one consumed only before
    `use_before`, only with its own digest and while its token stands; expiry itself only after. While a form is
    under way it cannot be approved: what was to come first is not through.
    """
    late = step.become is ApprovalStatus.EXPIRED
    limit = "use_before" if step.expect is ApprovalStatus.APPROVED else "expires_at"
    time_rule = f"{limit} <= :at" if late else f"{limit} > :at"
    if step.become is ApprovalStatus.CANCELLED:
        time_rule = "1"
    quiet = f" AND NOT EXISTS ({BEGUN})" if step.become is ApprovalStatus.APPROVED else ""
    if step.become is ApprovalStatus.CONSUMED:
        quiet = _UNREVOKED
    changed = connection.execute(
        "UPDATE approvals SET status = :become,"  # noqa: S608 - built from constants alone
        " decided_at = CASE WHEN :by = '' THEN decided_at ELSE :at END,"
        " decided_by = CASE WHEN :by = '' THEN decided_by ELSE :by END,"
        " reason = coalesce(:reason, reason), self_approved = max(self_approved, :self_approved),"
        " use_before = max(use_before, :use_before), digest = CASE WHEN :rebind = '' THEN digest ELSE :rebind END,"
        " uses = max(uses, :uses), used = used + (:become = 'consumed'),"
        " instead = CASE WHEN :instead = '' THEN instead ELSE :instead END"
        f" WHERE id = :id AND status = :expect AND (:digest = '' OR digest = :digest)"
        f" AND (:used < 0 OR used = :used) AND {time_rule}{quiet}",
        {
            "become": step.become.value, "by": step.by, "at": step.at, "reason": reason, "id": step.id,
            "self_approved": int(step.self_approved), "use_before": step.use_before,
            "expect": step.expect.value, "digest": step.digest, "rebind": step.rebind,
            "uses": step.uses, "used": step.used, "instead": step.instead,
        },
    ).rowcount  # fmt: skip
    if changed == 1 and step.authors:
        connection.execute(
            "UPDATE approvals SET authors = trim(authors || ' ' || ?) WHERE id = ?",
            (" ".join(step.authors), step.instead),
        )
    return None if changed == 1 else Unmet(index, "moved_on", found=step.id)


def use_approval(connection: sqlite3.Connection, step: UseApproval, index: int) -> Unmet | None:
    """Use a repeat permit once, but for its last use, which consumes it."""
    changed = connection.execute(
        "UPDATE approvals SET used = used + 1 WHERE id = ? AND digest = ? AND status = 'approved'"  # noqa: S608 - constants
        " AND use_before > ? AND used = ? AND used + 1 < uses" + _UNREVOKED,
        (step.id, step.digest, step.at, step.used),
    ).rowcount
    return None if changed == 1 else Unmet(index, "moved_on", found=step.id)


def heed_approval(connection: sqlite3.Connection, step: HeedApproval, index: int) -> Unmet | None:
    """Look whether what was approved still stands, in the commit that it is to let something pass in."""
    found = connection.execute(
        "SELECT 1 FROM approvals WHERE id = :id AND status IN ('approved', 'consumed')"  # noqa: S608 - constants
        " AND :roster IN (-1, (SELECT changes FROM roster))" + _UNREVOKED + _unrevoked(":token"),
        {"id": step.id, "roster": step.roster, "token": step.token},
    ).fetchone()
    return None if found is not None else Unmet(index, "moved_on", found=step.id)


def subject_key(connection: sqlite3.Connection, approval_id: str) -> str:
    """Return the id of the key that seals an approval, empty when there is no such approval."""
    row = connection.execute("SELECT subject_key FROM approvals WHERE id = ?", (approval_id,)).fetchone()
    return "" if row is None else str(row[0])


def get(connection: sqlite3.Connection, approval_id: str) -> StoredApproval | None:
    """Return one approval, or None."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM approvals WHERE id = ?",  # noqa: S608 - constant
        (approval_id,),
    ).fetchone()
    return None if row is None else _read(row)


def bare(connection: sqlite3.Connection, approval_id: str) -> StoredApproval | None:
    """Return one approval without what it is about, or None."""
    row = connection.execute(
        f"SELECT {_COLUMNS.replace(' subject,', ' NULL,')} FROM approvals WHERE id = ?",  # noqa: S608 - constant
        (approval_id,),
    ).fetchone()
    return None if row is None else _read(row)


USABLE = (
    f"SELECT {_COLUMNS} FROM approvals WHERE principal = ? AND digest = ? AND status = 'approved'"  # noqa: S608 - constants
    f" AND use_before > ?{_UNREVOKED} ORDER BY decided_at LIMIT 1"
)


def usable(connection: sqlite3.Connection, principal: str, digest: str, now_us: int) -> StoredApproval | None:
    """Return an approved, unused, unexpired approval of exactly this call, whose token was not revoked."""
    row = connection.execute(USABLE, (principal, digest, now_us)).fetchone()
    return None if row is None else _read(row)


EARLIER = (
    f"SELECT {_COLUMNS} FROM approvals INDEXED BY idx_approvals_principal_opened_at"  # noqa: S608 - constant
    " WHERE principal = ? AND opened_at <= ? AND id != ? AND length(subject) <= ? ORDER BY opened_at DESC LIMIT ?"
)


def earlier(
    connection: sqlite3.Connection, approval: Approval, limit: int, most_bytes: int
) -> list[StoredApproval]:
    """Return what the same requester asked before an approval, newest first; of subjects up to a size, sealed."""
    rows = connection.execute(
        EARLIER, (approval.principal, approval.opened_at, approval.id, most_bytes, limit)
    ).fetchall()
    return [_read(row) for row in rows]


LATELY = f"SELECT {_COLUMNS} FROM approvals ORDER BY opened_at DESC LIMIT ?"  # noqa: S608 - constant
OF_STATUS = f"SELECT {_COLUMNS} FROM approvals WHERE status = ? ORDER BY opened_at DESC LIMIT ?"  # noqa: S608 - constant


def listing(connection: sqlite3.Connection, status: str | None, limit: int) -> list[StoredApproval]:
    """Return approvals, newest first."""
    query, values = (LATELY, (limit,)) if status is None else (OF_STATUS, (status, limit))
    return [_read(row) for row in connection.execute(query, values)]


_BEHIND = "opened_at <= ? AND (opened_at < ? OR rowid < ?) ORDER BY opened_at DESC, rowid DESC LIMIT ?"
LATELY_IDS = f"SELECT id, length(subject) FROM approvals WHERE {_BEHIND}"  # noqa: S608 - constant
IDS_OF_STATUS = f"SELECT id, length(subject) FROM approvals WHERE status = ? AND {_BEHIND}"  # noqa: S608 - constant


def newest(
    connection: sqlite3.Connection, status: str | None, most: Most, after: str = ""
) -> tuple[list[StoredApproval], str]:
    """Return a page of approvals, newest first, and the id of its last where more stand behind it, else nothing.

    At most so many, and so many bytes of subjects, at least one. `after`: only those behind this one, none where
    there is no such approval.
    """
    row = connection.execute("SELECT opened_at, rowid FROM approvals WHERE id = ?", (after,)).fetchone()
    if after and row is None:
        return [], ""
    at, number = row or (_LAST_AT, 0)
    query, of = (LATELY_IDS, ()) if status is None else (IDS_OF_STATUS, (status,))
    found = connection.execute(query, (*of, at, at, number, most.rows + 1)).fetchall()
    ids = _within(found[: most.rows], most.sealed_bytes)
    return _those(connection, ids), ids[-1] if len(found) > len(ids) else ""


WAITING = (
    "SELECT id, length(subject) FROM approvals INDEXED BY approvals_waiting WHERE status = 'pending'"
    " AND expires_at >= ? AND (expires_at > ? OR id > ?) ORDER BY expires_at, id LIMIT ?"
)
SETTLED = "SELECT id, length(subject) FROM approvals WHERE status <> 'pending' ORDER BY opened_at DESC, id LIMIT ?"


def waiting(
    connection: sqlite3.Connection, now_us: int, most: Most, after: str = ""
) -> tuple[list[StoredApproval], bool]:
    """Return a page of what waits, the one whose time ends first on top, and whether more stands behind it.

    `after`: only what stands behind this one. Ends where a subject would be too many bytes; one that is larger by
    itself is a page of its own.
    """
    row = connection.execute("SELECT expires_at FROM approvals WHERE id = ?", (after,)).fetchone()
    ends = max(now_us, int(row[0])) if row else now_us
    behind = after if row and int(row[0]) > now_us else _LAST_ID
    found = connection.execute(WAITING, (ends, ends, behind, most.rows + 1)).fetchall()
    ids = _within(found[: most.rows], most.sealed_bytes)
    return _those(connection, ids), len(found) > len(ids)


def settled(connection: sqlite3.Connection, most: Most) -> list[StoredApproval]:
    """Return what waits no more, opened last first: at most so many, and so many bytes of subjects."""
    found = connection.execute(SETTLED, (most.rows,)).fetchall()
    return _those(connection, _within(found, most.sealed_bytes))


def _within(found: Sequence[tuple[str, int | None]], most_bytes: int) -> list[str]:
    ids: list[str] = []
    weight = 0
    for one, size in found:
        weight += size or 0
        if ids and weight > most_bytes:
            break
        ids.append(one)
    return ids


def _those(connection: sqlite3.Connection, ids: Sequence[str]) -> list[StoredApproval]:
    found = (get(connection, one) for one in ids)
    return [one for one in found if one is not None]


COUNTED = "SELECT count(*) FROM approvals INDEXED BY approvals_waiting WHERE status = 'pending' AND expires_at > ?"
NEWEST = (
    "SELECT id FROM approvals INDEXED BY idx_approvals_status_opened_at"
    " WHERE status = 'pending' AND opened_at >= ? AND expires_at > ? ORDER BY opened_at DESC LIMIT ?"
)
OPEN_OF = "SELECT id FROM approvals WHERE token = ? AND status IN ('pending', 'approved')"


def waits(connection: sqlite3.Connection, now_us: int, limit: int, since_us: int = 0) -> tuple[int, list[str]]:
    """Return how many wait, and the ids of those that were opened last, none before `since_us`."""
    (count,) = connection.execute(COUNTED, (now_us,)).fetchone()
    return int(count), [str(one) for (one,) in connection.execute(NEWEST, (since_us, now_us, limit))]


def glance(connection: sqlite3.Connection, approval_id: str) -> tuple[ApprovalStatus, int] | None:
    """Return where an approval stands and how many bytes its subject is, as it is stored; None: there is none."""
    row = connection.execute(
        "SELECT status, length(subject) FROM approvals WHERE id = ?", (approval_id,)
    ).fetchone()
    return None if row is None else (ApprovalStatus(row[0]), int(row[1] or 0))


ALIKE = (
    "SELECT opened_at, id, length(subject) FROM approvals INDEXED BY approvals_open WHERE token = ?"
    " AND status IN ('pending', 'approved') AND status = 'pending' AND expires_at > ? AND environment = ?"
    " AND effects = ?"
)


def alike(
    connection: sqlite3.Connection, first: Approval, now_us: int, most: Most, most_of_one: int
) -> tuple[list[StoredApproval], int]:
    """Return what waits of the token, the place and the effects of an approval, oldest first.

    And how many of it are left out: of more than `most_of_one` bytes, or behind as many as `most` says.
    """
    found = sorted(connection.execute(ALIKE, (first.token, now_us, first.environment, " ".join(first.effects))))
    small = [(one, size) for _, one, size in found if (size or 0) <= most_of_one]
    ids = _within(small[: most.rows], most.sealed_bytes)
    return _those(connection, ids), len(found) - len(ids)


def open_of(connection: sqlite3.Connection, token: str) -> list[str]:
    """Return the ids of what a token has pending or approved and unused."""
    return [str(one) for (one,) in connection.execute(OPEN_OF, (token,))]


def due(connection: sqlite3.Connection, now_us: int) -> list[str]:
    """Return the ids of those whose time is over but whose status does not say so yet."""
    rows = connection.execute(
        "SELECT id FROM approvals WHERE (status = 'pending' AND expires_at <= :now)"
        " OR (status = 'approved' AND use_before <= :now) LIMIT 500",
        {"now": now_us},
    )
    return [str(one) for (one,) in rows]


def _read(row: tuple[object, ...]) -> StoredApproval:
    text = [str(value) for value in row[:9]]
    number = [int(str(value)) for value in row[9:13]]
    approval = Approval(
        id=text[0], status=ApprovalStatus(text[1]), digest=text[2], principal=text[3], token=text[4],
        session=text[5], environment=text[6], effects=tuple(text[7].split()),
        opened_at=number[0], expires_at=number[1], use_before=number[2], decided_at=number[3],
        decided_by=str(row[13]), self_approved=bool(row[14]), obligations=_obligations(str(row[18]), text[8]),
        uses=int(str(row[19])), used=int(str(row[20])), glass=bool(row[21]), instead=str(row[22]),
        authors=tuple(str(row[23]).split()),
    )  # fmt: skip
    return StoredApproval(approval, str(row[16]), _blob(row[17]), _blob(row[15]))


def _written(asked: Obligations) -> str:
    return orjson.dumps(
        {
            "ttl_s": asked.ttl_s,
            "demands": demand.written(asked.demands),
            "auth": asked.auth,
            "typed": asked.typed,
            "require": asked.require,
        }
    ).decode()


def _obligations(text: str, group: str) -> Obligations:
    """Read what an approval demands; one of an earlier version names a group at most.

    Raises: StoreError: what is asked of people cannot be guessed.
    """
    if not text:
        return Obligations(demands=(demand.demand_of(group),) if group else ())
    try:
        found = orjson.loads(text)
        return Obligations(**{**found, "demands": demand.read(found["demands"])})
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError("a stored approval cannot be read", detail=type(error).__name__) from error


def _blob(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""
