"""Sealing what names people, things and reasons; opening it again for those permitted.

Keys belong to people (`[audit] subject = "owner"`): a record about an owner's agent is sealed under that owner's
key, and pseudonyms are made with it, so erasing the key erases the person while the log still verifies.
"""

from collections.abc import Iterable
from dataclasses import asdict

import orjson

from audit.seal import Keystore, SubjectKey
from firewall.core.approval import ActionView, Form, Subject
from firewall.core.errors import StoreError
from firewall.core.push import PushBrowser
from firewall.core.secret import Secret
from firewall.sequencer.late import Late

SYSTEM = "stayhand"
"""The subject of records that concern nobody in particular."""


class Sealing:
    """Keys by person's name; one instance per process."""

    def __init__(self, keystore: Keystore) -> None:
        self._keystore = keystore
        self._pseudonyms: dict[str, str] = {}
        self.late = Late()
        """Who was erased, and how what still comes about him is sealed."""
        self.erasures = 0
        """How often somebody was erased since the start: what was opened before may not be shown any more."""

    def key_for(self, person: str) -> SubjectKey:
        """Return the key of a person, made now if there is none; of nobody, the system's.

        Of somebody who was erased, one that is kept nowhere.
        """
        return self.late.key(person) or self._keystore.key_for(person or SYSTEM)

    def pseudonym(self, name: str) -> str:
        """Return the stable pseudonymous id of a person (`alice`) or a principal (`alice/claude`)."""
        found = self._pseudonyms.get(name)
        if found is None:
            prefix, owner = "prn_" if "/" in name else "per_", name.partition("/")[0]
            late = self.late.key(owner)
            if late is not None:
                return late.pseudonym(prefix, name)  # a name that was erased is not kept in memory either
            found = self._keystore.key_for(owner or SYSTEM).pseudonym(prefix, name)
            self._pseudonyms[name] = found
        return found

    def destroy(self, key_ids: Iterable[str]) -> int:
        """Erase keys for good and return how many were still there.

        Raises: AuditError when the keystore cannot be written: then one of them may still open what it sealed.
        """
        return sum(self._keystore.erase_key(key_id) for key_id in key_ids)

    def forget(self) -> None:
        """Forget the names in memory: one of them has another pseudonym from now on."""
        self.erasures += 1
        self._pseudonyms.clear()

    def seal(self, person: str, plaintext: bytes, what: str) -> tuple[str, bytes]:
        """Seal bytes under a person's key, bound to `what`; returns the key's id and the ciphertext."""
        key = self.key_for(person)
        return key.id, key.seal(what.encode(), plaintext)

    def seal_under(self, key_id: str, plaintext: bytes, what: str) -> bytes:
        """Seal bytes under a key that is in use already; of an erased key, nothing is kept."""
        key = self._keystore.find(key_id)
        return b"" if key is None else key.seal(what.encode(), plaintext)

    def open_under(self, key_id: str, sealed: bytes, identity: bytes) -> bytes | None:
        """Open an entry's sealed part, bound to the entry's identity; None when the key was erased."""
        key = self._keystore.find(key_id)
        return None if key is None else key.open(identity, sealed)

    def open(self, key_id: str, sealed: bytes, what: str) -> bytes | None:
        """Open sealed bytes; None when the key was erased."""
        key = self._keystore.find(key_id)
        return None if key is None or not sealed else key.open(what.encode(), sealed)


def conversation_name(approval_id: str) -> str:
    """Return what binds a sealed conversation to its approval."""
    return f"{approval_id}/conversation"


def push_name(push_id: str) -> str:
    """Return what binds a sealed subscription to its row."""
    return f"{push_id}/push"


def push_json(browser: PushBrowser) -> bytes:
    """Write what of a subscription is sealed."""
    kept = {
        "endpoint": browser.endpoint.reveal(),
        "receiver": browser.receiver.hex(),
        "auth": browser.auth.hex(),
        "label": browser.label,
    }
    return orjson.dumps(kept)


def read_push(data: bytes, *, push_id: str, person: str, passkey: str, created_at: int) -> PushBrowser:
    """Read what `push_json` wrote.

    Raises: StoreError when it is something else.
    """
    try:
        kept = orjson.loads(data)
        return PushBrowser(
            id=push_id,
            person=person,
            endpoint=Secret(str(kept["endpoint"])),
            receiver=bytes.fromhex(kept["receiver"]),
            auth=bytes.fromhex(kept["auth"]),
            label=str(kept["label"]),
            passkey=passkey,
            created_at=created_at,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError("a stored subscription cannot be read", detail=type(error).__name__) from error


def subject_json(subject: Subject | None) -> bytes:
    """Write what an approval is about, for sealing; a text that several actions share is written once.

    Where one does, `texts` holds them and an action's `text` is its number there, from 0. Otherwise each action
    has its own, as versions before wrote all of them.
    """
    if subject is None:
        return b"null"
    row = asdict(subject)
    numbers = {text: at for at, text in enumerate(dict.fromkeys(view.text for view in subject.actions))}
    if len(numbers) < len(subject.actions):
        row["texts"] = list(numbers)
        for action in row["actions"]:
            action["text"] = numbers[action["text"]]
    return orjson.dumps(row)


def read_subject(data: bytes | None) -> Subject | None:
    """Read what `subject_json` wrote.

    Raises: StoreError when it is something else.
    """
    if data is None or data == b"null":
        return None
    try:
        row = orjson.loads(data)
        texts = row.pop("texts", None)
        row["actions"] = tuple(_view(action, texts) for action in row["actions"])
        row["moved"] = tuple(_strings(one) for one in row.get("moved", []))
        row["first"] = _strings(row.get("first", []))
        row["also"] = _strings(row.get("also", []))
        row["forms"] = tuple(Form(**one) for one in row.get("forms", []))
        return Subject(**row)
    except (orjson.JSONDecodeError, TypeError, KeyError, IndexError) as error:
        raise StoreError("a stored approval cannot be read", detail=type(error).__name__) from error


def _view(row: dict[str, object], texts: list[str] | None) -> ActionView:
    fields: dict[str, object] = dict(row)
    if texts is not None:
        number = row["text"]
        if not isinstance(number, int) or number < 0:
            raise TypeError("text")
        fields["text"] = texts[number]
    for name in ("effects", "unseen"):
        fields[name] = _strings(row[name])
    evidence = row["evidence"]
    if not isinstance(evidence, list):
        raise TypeError("evidence")
    fields["evidence"] = tuple((int(start), int(end), str(note)) for start, end, note in evidence)
    found = row.get("found", [])
    if not isinstance(found, list):
        raise TypeError("found")
    fields["found"] = tuple(_strings(one) for one in found)
    return ActionView(**fields)  # type: ignore[arg-type]  # every field is checked by the JSON's own writer


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("a list of strings")
    return tuple(str(item) for item in value)
