"""Teams' packs: what they may add, and that none of them lowers what the catalogue says."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.catalogue import Catalogue, compile_catalogue
from firewall.classify.context import Context
from firewall.classify.environments import Environments
from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect, severity, strictest
from firewall.core.errors import ConfigError

_TOOLS = """
[words]
read = ["list"]
destructive = ["drop"]
[paths]
secret = ["**/.env"]
regenerable = ["**/build"]
[[tool]]
names = ["Bash"]
kind = "shell"
text = ["command"]
[[program]]
names = ["dbtool"]
rules = [{ first = ["drop"], effects = ["destructive"] }, { first = ["list"], effects = ["read"] }]
[[program]]
names = ["guesser"]
verbs = true
[[program]]
names = ["cat"]
rules = [{ touch = { read = "all" } }]
[[program]]
names = ["env"]
wrap = {}
[[program]]
names = ["curl"]
special = "curl"
"""
_HOSTS = '[[host]]\nhosts = ["api.example.com"]\nprovider = "example"\nknown = true'


def _with(*packs: str) -> Catalogue:
    return compile_catalogue(tomllib.loads(_TOOLS), tomllib.loads(_HOSTS), [tomllib.loads(text) for text in packs])


def _effects(text: str, catalogue: Catalogue) -> set[Effect]:
    context = Context("/work/app", "", "", Environments(), catalogue)
    return {effect for action in actions_of_input("shell", text, context) for effect in action.effects}


def test_a_pack_teaches_a_new_program() -> None:
    """A program that nobody knew is read by the pack's rows and its published subcommands."""
    catalogue = _with('[[program]]\nnames = ["ours"]\nrules = [{ first = ["go"], effects = ["write"] }]')
    assert _effects("ours go", catalogue) == {Effect.WRITE}
    assert Effect.UNKNOWN in _effects("ours stay", catalogue)
    published = _with('[commands.ours]\nread = "look"\n[commands.guesser]\ndisruptive = "halt"')
    assert _effects("ours look", published) == {Effect.READ}
    assert _effects("guesser halt", published) == {Effect.DISRUPTIVE}


def test_a_pack_extends_a_known_program() -> None:
    """What the catalogue left open is decided by the pack; what it said stays, beside what the pack adds."""
    pack = '[[program]]\nnames = ["dbtool"]\nrules = [{ first = ["%s"], effects = ["%s"] }]'
    assert _effects("dbtool copy", _with(pack % ("copy", "write"))) == {Effect.WRITE}
    assert _effects("dbtool drop", _with(pack % ("drop", "read"))) == {Effect.DESTRUCTIVE, Effect.READ}
    assert _effects("dbtool list", _with(pack % ("list", "secret"))) == {Effect.READ, Effect.SECRET}
    assert Effect.DESTRUCTIVE in _effects(
        "guesser drop", _with((pack % ("drop", "read")).replace("dbtool", "guesser"))
    )


@given(
    st.sampled_from(["dbtool drop x", "dbtool list", "guesser drop", "guesser list", "dbtool other", "cat .env"]),
    st.sampled_from(["drop", "list", "*", "x"]),
    st.sampled_from(list(Effect)),
    st.sampled_from(["dbtool", "guesser", "cat"]),
)
def test_a_pack_never_lowers(text: str, first: str, effect: Effect, name: str) -> None:
    """Whatever rows a pack has for known programs, no call that the catalogue understood becomes milder."""
    row = f'[[program]]\nnames = ["{name}"]\nrules = [{{ first = ["{first}"], effects = ["{effect}"] }}]'
    before, after = _effects(text, _with()), _effects(text, _with(row))
    if Effect.UNKNOWN not in before:
        assert severity(strictest(after)) >= severity(strictest(before))


def test_an_override_replaces_and_is_told() -> None:
    """`override = true` replaces a known program, tool, host or set of paths, and each is listed."""
    catalogue = _with(
        '[[program]]\nnames = ["dbtool"]\noverride = true\nrules = [{ effects = ["read"] }]\n'
        '[[tool]]\nnames = ["Bash"]\noverride = true\nkind = "inert"\n'
        '[[host]]\nhosts = ["api.example.com"]\nprovider = "ours"\noverride = true\n'
        '[paths]\noverride = true\nregenerable = ["**/made"]'
    )
    assert _effects("dbtool drop x", catalogue) == {Effect.READ}
    assert catalogue.tools["Bash"].kind == "inert"
    assert [row.provider for row in catalogue.hosts] == ["ours", "example"]
    assert catalogue.paths.regenerable.fullmatch("/a/made")
    assert len(catalogue.overrides) == 4
    assert all(text.startswith("pack 1") for text in catalogue.overrides)


def test_a_pack_adds_what_raises() -> None:
    """Hosts come behind the known ones, tools beside them, paths make more things secret."""
    catalogue = _with(
        '[[host]]\nhosts = ["api.example.com", "b.example.com"]\nprovider = "ours"\n'
        '[[tool]]\nnames = ["Ours"]\nkind = "inert"\n[paths]\nsecret = ["**/vault.txt"]'
    )
    assert [row.provider for row in catalogue.hosts] == ["example", "ours"]
    assert set(catalogue.tools) == {"Bash", "Ours"}
    assert _effects("cat vault.txt", catalogue) == {Effect.READ, Effect.SECRET}
    assert catalogue.overrides == ()


@pytest.mark.parametrize(
    ("pack", "named"),
    [
        ('[[tool]]\nnames = ["Bash"]\nkind = "inert"', "twice"),
        ('[paths]\nregenerable = ["**"]', "lower"),
        ('[paths]\nnonsense = ["x"]\noverride = true', "nonsense"),
        ('[[program]]\nnames = ["env"]\nwrap = {}', "read by code"),
        ('[[program]]\nnames = ["curl"]\nrules = [{ effects = ["read"] }]', "read by code"),
        ('[commands.dbtool]\nread = "drop"', "keeps to its rows"),
        ('[[program]]\nnames = ["ours"]\nnonsense = 1', "nonsense"),
        ("nonsense = 1", "nonsense"),
    ],
)
def test_what_a_pack_may_not(pack: str, named: str) -> None:
    """What would lower a judgement, never be asked or is not known is refused, with its pack."""
    with pytest.raises(ConfigError, match=f"pack.*{named}"):
        _with(pack)


def test_a_suggestion_is_told() -> None:
    """What a rule suggests stands in the action and behind its summary."""
    pack = (
        '[[program]]\nnames = ["ours"]\nrules = [{ effects = ["write"], summary = "works", suggest = "ours -n" }]'
    )
    context = Context("/work/app", "", "", Environments(), _with(pack))
    (action,) = actions_of_input("shell", "ours", context)
    assert action.suggest == "ours -n"
    assert action.summary == "works; consider `ours -n` instead"


_GRAPHQL = """
provider = "%s"
hosts = ["api.example.com"]
[mutation.thingDrop]
effects = ["%s"]
"""
_SERVER = """
provider = "%s"
[mcp]
servers = ["example"]
[mcp.tools]
%s = ["drop_thing"]
"""


@pytest.mark.parametrize(
    ("kind", "text", "asked"),
    [
        (
            "graphql",
            _GRAPHQL,
            '{"endpoint": "https://api.example.com/graphql", "query": "mutation {thingDrop}"}',
        ),
        ("mcp", _SERVER, '{"server": "example", "tool": "drop_thing"}'),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_two_packs_for_one_place_are_read_strictly(kind: str, text: str, asked: str, *, turned: bool) -> None:
    """Where two packs speak of one host or server, the stricter word counts in either order of their files."""
    packs = [text % ("a", "read"), text % ("b", "destructive")]
    catalogue = _with(*(reversed(packs) if turned else packs))
    context = Context("/work/app", "", "", Environments(), catalogue)
    effects = {effect for action in actions_of_input(kind, asked, context) for effect in action.effects}
    assert Effect.DESTRUCTIVE in effects


def test_published_subcommands_of_a_pack_do_not_lower() -> None:
    """A pack that publishes `drop` as a read leaves what the program's own words say."""
    assert Effect.DESTRUCTIVE in _effects("guesser drop", _with('[commands.guesser]\nread = "drop"'))


@pytest.mark.parametrize(
    "text",
    [
        'provider = "x"\nhosts = ["*"]',
        '[[host]]\nhosts = ["*.*"]\nprovider = "x"\nknown = true',
    ],
)
def test_a_pack_for_every_host_is_refused(text: str) -> None:
    """A pack that would speak for every host makes every unknown request milder: it is refused at load."""
    with pytest.raises(ConfigError, match="everything"):
        _with(text)
