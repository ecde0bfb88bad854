"""The data files: what is refused, and that what ships is whole."""

import tomllib
from dataclasses import replace

import pytest

from firewall.classify.api.known import HostRow
from firewall.classify.attributes import ATTRIBUTE_DOCS, KNOWN_ATTRIBUTES
from firewall.classify.catalogue import MAX_HOST_CHARS, MAX_KEPT, Catalogue, compile_catalogue
from firewall.classify.environments import compile_environments
from firewall.classify.globs import any_of, glob_pattern
from firewall.classify.shell.specials import READERS
from firewall.core.errors import ConfigError
from tests.support.understanding import shipped_catalogue


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[[program]]\nnames = ["x"]\nrules = [{ effects = ["nonsense"] }]', "program"),
        ('[[program]]\nnames = ["x"]\nrules = [{ summary = "x" }]', "effects"),
        ('[[program]]\nnames = ["x"]\nrules = [{ effects = ["read"], flags = ["-x"] }]', "flags"),
        ('[[program]]\nnames = ["x"]\nrules = [{ effects = ["read"], attributes = { zzz = true } }]', "zzz"),
        ('[[program]]\nnames = ["x"]\nrules = [{ effects = ["read"], place = "moon" }]', "place"),
        ('[[program]]\nnames = ["x"]\n[[program]]\nnames = ["x"]', "twice"),
        ('[[program]]\nstyle = "gnu"', "names"),
        ('[[tool]]\nnames = ["x"]\nkind = "nonsense"', "kind"),
        ("zzz = 1", "zzz"),
    ],
)
def test_a_bad_row_is_named(text: str, named: str) -> None:
    """A row that cannot be right is refused with its place."""
    with pytest.raises(ConfigError, match=named):
        compile_catalogue(tomllib.loads(text), {}, [])


@pytest.mark.parametrize(
    "text",
    [
        "[[environment]]\nhosts = ['a']",
        "[[environment]]\nname = 'unresolved'",
        "[[environment]]\nname = 'a'\nhosts = ['*']",
        "[[environment]]\nname = 'a'\npaths = ['/**']",
        "[[environment]]\nname = 'a'\nnonsense = ['x']",
        "scratch = 5",
        "zzz = 1",
    ],
)
def test_a_bad_environment_is_refused(text: str) -> None:
    """Unknown keys, missing names and globs that match everything are refused."""
    with pytest.raises(ConfigError):
        compile_environments(tomllib.loads(text))


def test_globs() -> None:
    """`*` stays within a segment of a path, `**` crosses, and a folder's `/**` includes the folder."""
    assert glob_pattern("/srv/*", path=True).fullmatch("/srv/a")
    assert not glob_pattern("/srv/*", path=True).fullmatch("/srv/a/b")
    assert glob_pattern("/srv/**", path=True).fullmatch("/srv/a/b")
    assert glob_pattern("/srv/**", path=True).fullmatch("/srv")
    assert glob_pattern("**/.env", path=True).fullmatch("/a/.env")
    assert glob_pattern("*.railway.app").fullmatch("a.b.railway.app")
    with pytest.raises(ConfigError):
        glob_pattern("*" * 40)


def test_every_special_reader_exists() -> None:
    """A program names no reader that is not there, and every reader is used."""
    used = {program.special for program in shipped_catalogue().programs.values() if program.special}
    assert used == set(READERS)


def test_every_attribute_is_documented() -> None:
    """Attributes have a type and a meaning."""
    assert set(KNOWN_ATTRIBUTES) == set(ATTRIBUTE_DOCS)
    assert all(ATTRIBUTE_DOCS.values())
    assert set(KNOWN_ATTRIBUTES.values()) <= {int, str, bool}


def test_a_server_is_found_by_its_name_first_and_the_answer_is_the_rows_own() -> None:
    """What was asked before answers as at first; other rows are another catalogue and know nothing of it."""
    named, ported = HostRow(any_of(["*.example"]), "named"), HostRow(any_of(["api.example:9200"]), "ported")
    catalogue = Catalogue(hosts=(ported, named))
    for _ in range(2):
        assert catalogue.row_of("api.example", 9200) is named
        assert catalogue.row_of("elsewhere", 443) is None
    other = replace(catalogue, hosts=(ported,))
    assert other.row_of("api.example", 9200) is ported
    assert other.row_of("api.example", 443) is None


def test_hosts_that_agents_name_fill_no_memory() -> None:
    """Of many servers, and of names that are long, a bounded number is remembered; all are answered."""
    row = HostRow(any_of(["*.example"]), "named")
    catalogue = Catalogue(hosts=(row,))
    for number in range(MAX_KEPT * 2 + 10):
        assert catalogue.row_of(f"{number}.example", 443) is row
    assert catalogue.row_of("a" * MAX_HOST_CHARS + ".example", 443) is row
    assert len(catalogue._rows) <= MAX_KEPT
    assert all(len(host) <= MAX_HOST_CHARS for host, _ in catalogue._rows)
