"""The vault as a file: what is in it stays sealed, whatever is wrong with it says so, nothing opens elsewhere."""

import base64
import os
import sqlite3
import traceback
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.secret import Secret
from firewall.tokens.vault import key
from firewall.tokens.vault.errors import VaultError, Wrong
from firewall.tokens.vault.sealing import Purpose
from firewall.tokens.vault.store import MAX_VALUE_BYTES, Vault

CANARY = "canary-5b1d9e7a3c-of-the-vault"


def vault_at(folder: Path) -> Vault:
    """Return the vault of a folder, which makes its key with its first credential."""
    path = folder / "vault.key"
    return Vault(folder / "vault.db", key.from_file(path), make_key=partial(_make, path))


def _make(path: Path) -> None:
    if not path.exists():
        key.make(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a vault of two credentials."""
    vault = vault_at(tmp_path)
    vault.add("railway", Purpose.TARGET, Secret(CANARY), now_us=1)
    vault.add("github", Purpose.TARGET, Secret("another-one"), now_us=2)
    return tmp_path


def change(folder: Path, statement: str, *values: object) -> None:
    """Change the file behind the vault's back."""
    with closing(sqlite3.connect(folder / "vault.db", isolation_level=None)) as connection:
        connection.execute(statement, values)


def wrong(act: Callable[[], object]) -> Wrong:
    """Return why something was refused."""
    with pytest.raises(VaultError) as caught:
        act()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [repr(frame.locals) for frame in told.stack if "/firewall/" in frame.filename]
    assert ours
    assert CANARY not in "".join(ours) + str(caught.value) + caught.value.hint
    return caught.value.wrong


def test_what_is_kept_comes_back(folder: Path) -> None:
    """Another process that opens the same file reads the same values; the listing holds none."""
    vault = vault_at(folder)
    assert vault.secret("railway", Purpose.TARGET).reveal() == CANARY
    assert [(one.name, one.version, one.purpose) for one in vault.listing()] == [
        ("github", 1, Purpose.TARGET),
        ("railway", 1, Purpose.TARGET),
    ]
    assert CANARY not in repr(vault) + repr(vault.listing())


def test_no_byte_of_a_value_lies_in_the_file(folder: Path) -> None:
    """Neither what is kept, nor what was rotated away or removed, nor the key lies readable in the file."""
    vault = vault_at(folder)
    vault.rotate("railway", Secret("the-new-value-of-it"), now_us=3)
    vault.remove("github")
    for path in folder.iterdir():
        held = path.read_bytes()
        for value in (CANARY, "another-one", "the-new-value-of-it"):
            assert value.encode() not in held
            assert base64.b64encode(value.encode()).rstrip(b"=")[:-1] not in held
    assert (folder / "vault.key").read_bytes().strip() not in (folder / "vault.db").read_bytes()
    assert base64.b64decode((folder / "vault.key").read_bytes()) not in (folder / "vault.db").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["vault.db", "vault.key"]


def test_files_are_for_their_owner_alone(folder: Path) -> None:
    """Key and vault are made with mode 0600."""
    assert [(folder / name).stat().st_mode & 0o777 for name in ("vault.db", "vault.key")] == [0o600, 0o600]


@pytest.mark.parametrize("name", ["vault.db", "vault.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_touch_is_refused(folder: Path, name: str, mode: int) -> None:
    """Loose modes close the vault until they are mended."""
    (folder / name).chmod(mode)
    vault = vault_at(folder)
    assert wrong(partial(vault.secret, "railway", Purpose.TARGET)) is Wrong.OPEN_TO_OTHERS
    (folder / name).chmod(0o600)
    assert vault.secret("railway", Purpose.TARGET).reveal() == CANARY


def test_a_rotated_value_is_the_one_from_then_on(folder: Path) -> None:
    """A reader that had the old value gets the new one at its next reading; whoever holds the old one keeps it."""
    reading, writing = vault_at(folder), vault_at(folder)
    held = reading.secret("railway", Purpose.TARGET)
    assert writing.rotate("railway", Secret("new"), now_us=9).version == 2
    assert reading.secret("railway", Purpose.TARGET).reveal() == "new"
    assert held.reveal() == CANARY


def test_a_removed_credential_is_gone_for_readers(folder: Path) -> None:
    """After a removal nobody reads the old value, and its name is free again."""
    reading, writing = vault_at(folder), vault_at(folder)
    reading.secret("railway", Purpose.TARGET)
    writing.remove("railway")
    assert wrong(partial(reading.secret, "railway", Purpose.TARGET)) is Wrong.MISSING
    writing.add("railway", Purpose.PROVIDER, Secret("x"), now_us=10)
    assert reading.secret("railway", Purpose.PROVIDER).reveal() == "x"


def test_a_purpose_is_kept_to(folder: Path) -> None:
    """A provider's key cannot be named as a target's credential, whoever edits the configuration."""
    assert wrong(partial(vault_at(folder).secret, "railway", Purpose.PROVIDER)) is Wrong.PURPOSE


def test_rows_cannot_be_swapped(folder: Path) -> None:
    """A sealed value in the place of another opens for neither name."""
    with closing(sqlite3.connect(folder / "vault.db")) as connection:
        values = dict(connection.execute("SELECT name, sealed FROM credential").fetchall())
    change(folder, "UPDATE credential SET sealed = ? WHERE name = 'github'", values["railway"])
    vault = vault_at(folder)
    assert wrong(partial(vault.secret, "github", Purpose.TARGET)) is Wrong.DAMAGED
    assert vault.secret("railway", Purpose.TARGET).reveal() == CANARY


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credential SET name = 'other' WHERE name = 'railway'",
        "UPDATE credential SET purpose = 'provider' WHERE name = 'railway'",
        "UPDATE credential SET version = 7 WHERE name = 'railway'",
        "UPDATE credential SET changed_at = 7 WHERE name = 'railway'",
        "DELETE FROM credential WHERE name = 'github'",
        "INSERT INTO credential SELECT 'third', purpose, version, changed_at, sealed FROM credential LIMIT 1",
    ],
)
def test_the_list_of_rows_is_proved(folder: Path, statement: str) -> None:
    """A row that was added, taken away, renamed or given another purpose closes the whole vault."""
    change(folder, statement)
    assert wrong(partial(vault_at(folder).secret, "railway", Purpose.TARGET)) is Wrong.CHANGED


def test_one_row_cannot_be_set_back(folder: Path) -> None:
    """An older sealed row laid over its successor is noticed, though it was ours once."""
    with closing(sqlite3.connect(folder / "vault.db")) as connection:
        old = connection.execute(
            "SELECT version, changed_at, sealed FROM credential WHERE name = 'railway'"
        ).fetchone()
    vault = vault_at(folder)
    vault.rotate("railway", Secret("new"), now_us=5)
    change(folder, "UPDATE credential SET version = ?, changed_at = ?, sealed = ? WHERE name = 'railway'", *old)
    assert wrong(partial(vault.secret, "railway", Purpose.TARGET)) is Wrong.CHANGED


def test_another_key_opens_nothing(folder: Path) -> None:
    """A key that is not the vault's is told from a damaged vault; nothing is made anew for it."""
    (folder / "vault.key").unlink()
    assert wrong(vault_at(folder).check) is Wrong.KEY_MISSING
    key.make(folder / "vault.key")
    assert wrong(vault_at(folder).check) is Wrong.KEY_WRONG
    assert wrong(lambda: vault_at(folder).add("x", Purpose.TARGET, Secret(CANARY), now_us=1)) is Wrong.KEY_WRONG


@pytest.mark.parametrize("text", ["", "not base64 !", base64.b64encode(b"short").decode(), "A" * 43])
def test_what_is_no_key_is_refused_without_being_shown(folder: Path, text: str) -> None:
    """A file that holds something else closes the vault."""
    (folder / "vault.key").write_text(text)
    assert wrong(vault_at(folder).check) is Wrong.KEY_WRONG


@pytest.mark.parametrize("damage", [b"", b"no database at all", b"SQLite format 3\0" + b"\xff" * 600])
def test_a_damaged_file_is_refused(folder: Path, damage: bytes) -> None:
    """Bytes that are no vault are not written over and not read."""
    (folder / "vault.db").write_bytes(damage)
    assert wrong(vault_at(folder).check) is Wrong.UNREADABLE
    assert wrong(lambda: vault_at(folder).add("x", Purpose.TARGET, Secret("y"), now_us=1)) is Wrong.UNREADABLE
    assert (folder / "vault.db").read_bytes() == damage


def test_a_vault_that_goes_away_takes_its_values_along(folder: Path) -> None:
    """A reader does not go on with what it had read."""
    vault = vault_at(folder)
    vault.secret("railway", Purpose.TARGET)
    (folder / "vault.db").unlink()
    assert wrong(partial(vault.secret, "railway", Purpose.TARGET)) is Wrong.MISSING


def test_nothing_is_made_by_reading(tmp_path: Path) -> None:
    """Without a vault every name is missing, and there is still no file."""
    vault = vault_at(tmp_path)
    vault.check()
    assert vault.listing() == ()
    assert wrong(partial(vault.secret, "railway", Purpose.TARGET)) is Wrong.MISSING
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_added_once(folder: Path) -> None:
    """Adding does not write over; rotating what is not there adds nothing."""
    vault = vault_at(folder)
    assert wrong(lambda: vault.add("railway", Purpose.TARGET, Secret("x"), now_us=9)) is Wrong.EXISTS
    assert wrong(lambda: vault.rotate("none", Secret("x"), now_us=9)) is Wrong.MISSING
    assert wrong(lambda: vault.remove("none")) is Wrong.MISSING
    assert vault.secret("railway", Purpose.TARGET).reveal() == CANARY


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "../a", "a" * 64, "a\n", "ä"])
def test_names_are_plain(folder: Path, name: str) -> None:
    """What could be taken for something else is no name."""
    assert wrong(lambda: vault_at(folder).add(name, Purpose.TARGET, Secret("x"), now_us=9)) is Wrong.NAME


@pytest.mark.parametrize(
    "value", ["", "  ", "a\nb", "a\r\nb", "a\0b", f"{CANARY}\nb", "x" * (MAX_VALUE_BYTES + 1), '{"a":\0}']
)
def test_values_that_cannot_be_one_are_refused(folder: Path, value: str) -> None:
    """Empty, split over lines, too long: said without the value."""
    assert wrong(lambda: vault_at(folder).rotate("railway", Secret(value), now_us=9)) is Wrong.VALUE


def test_json_and_armour_may_have_lines(folder: Path) -> None:
    """A credential of AWS is JSON, a key is armour: both have line ends."""
    vault = vault_at(folder)
    vault.rotate("railway", Secret('{\n "AccessKeyId": "x"\n}'), now_us=9)
    assert vault.secret("railway", Purpose.TARGET).reveal().startswith("{")


@settings(max_examples=30, deadline=None)
@given(value=st.text(min_size=1, max_size=200).filter(lambda text: text.strip() and not set(text) & set("\0\r\n")))
def test_every_value_comes_back_as_it_went_in(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    """Sealing and opening change nothing."""
    folder = tmp_path_factory.mktemp("vault")
    vault_at(folder).add("one", Purpose.WEBHOOK, Secret(value), now_us=1)
    assert vault_at(folder).secret("one", Purpose.WEBHOOK).reveal() == value


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_changed_byte_is_taken_for_the_value(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever byte of the file is changed, the value comes back as it was, or nothing does."""
    folder = tmp_path_factory.mktemp("vault")
    vault_at(folder).add("one", Purpose.TARGET, Secret(CANARY), now_us=1)
    path = folder / "vault.db"
    held = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(held) - 1))
    held[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(held)
    os.utime(path, ns=(1, 1))
    try:
        found = vault_at(folder).secret("one", Purpose.TARGET).reveal()
    except VaultError:
        return
    assert found == CANARY


def test_a_key_of_a_command_is_asked_for_when_the_file_is_read(folder: Path) -> None:
    """The key may come from anywhere; per request it is not asked for again."""
    text = (folder / "vault.key").read_text()
    asked: list[int] = []

    def printed() -> Secret:
        asked.append(1)
        return Secret(text)

    vault = Vault(folder / "vault.db", key.from_secret(printed))
    for _ in range(5):
        assert vault.secret("railway", Purpose.TARGET).reveal() == CANARY
    assert len(asked) == 1
