"""The compiled index answers what casbin, its oracle, answers over the same rows, whatever is asked."""

import itertools
from functools import lru_cache

from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.effect import Effect
from firewall.policy import rows, when
from firewall.policy.conditions import compiled
from firewall.policy.defaults import shipped
from firewall.policy.engine import Engine
from firewall.policy.facts import KNOWN, Facts
from firewall.policy.index import Index
from firewall.policy.question import Place, Question
from firewall.policy.rows import Table

_ROLES = ["coding-agent", "reviewer", "release", "night", "r1", "r2"]
_PLACES = ["local", "dev", "staging", "production", "unresolved"]
_TOOLS = ["Bash", "git:push", "git:", "railway", "graphql:volumeDelete", "B", "sh:*x"]
_RESOURCES = [
    "file:/srv/data",
    "file:/srv/data/a*b",
    "file:/srv",
    "file:",
    "volume:railway/vol_1",
    "volume:railway/vol_12",
    "unknown:",
    "",
    "x" * 300,
    "file:/srv/\n\u6f22?",
]

_EFFECTS = [Effect.READ, Effect.DESTRUCTIVE, Effect.UNKNOWN]
"""Few, so that rows and questions meet."""

odd_globs = st.text("fileab:/s*?", min_size=1, max_size=9).filter(
    lambda text: not any(pair in text for pair in ("**", "?*", "*?"))
)
tools = st.one_of(st.just("*"), st.sampled_from([*_TOOLS[:4], "git:*", "B*", "??sh"]), odd_globs)
resources = st.one_of(
    st.just("*"),
    st.sampled_from([*_RESOURCES[:6], "file:*", "file:/srv/*", "volume:*/vol_?", "*:*", "?ile:*a*", "*b"]),
    odd_globs,
)
comparisons = st.one_of(
    st.sampled_from(["force", "inside_workspace", "scratch", "host == 'a'", "branch != 'main'"]),
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["count", "nested"]),
        st.sampled_from(["<", ">=", "=="]),
        st.integers(0, 3),
    ),
    st.builds("environment == '{}'".format, st.sampled_from(_PLACES)),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
    ),
    max_leaves=4,
)
row_texts = st.builds(
    'p, {}, {}, "{}", "{}", {}, "{}", {}'.format,
    st.sampled_from([*_ROLES, "*", "*", "*", "*"]),
    st.sampled_from([*_PLACES, "*", "elsewhere"]),
    tools,
    resources,
    st.sampled_from([*_EFFECTS, "*", "*"]),
    st.one_of(st.just(""), st.just(""), conditions),
    st.sampled_from(
        [
            "deny,",
            "ask,",
            "ask, ttl=10m",
            "ask, ttl = 10m",
            "ask, group=oncall",
            "ask, ttl=1h;group=dba",
            "allow,",
            "ask, require=count < 2",
            "allow,",
            "allow, require=count < 2",
            "allow, require=force",
        ]
    ),
)
links = st.lists(st.tuples(st.sampled_from(_ROLES), st.sampled_from(_ROLES)), max_size=6, unique=True)
values = st.fixed_dictionaries(
    {"inside_workspace": st.booleans()},
    optional={
        "force": st.booleans(),
        "scratch": st.sampled_from([True, False, 1, "yes"]),
        "count": st.sampled_from([0, 1, 2, 3, True, "2"]),
        "nested": st.integers(0, 3),
        "host": st.sampled_from(["a", "b", 1]),
        "branch": st.sampled_from(["main", "x"]),
    },
)
questions = st.builds(
    lambda roles, place, tool, operation, resource, effect, found: Question(
        roles=frozenset(roles),
        place=place,
        tool=tool,
        operation=operation,
        resource=resource,
        effect=effect,
        facts=Facts({**found, "environment": place.environment}),
    ),
    st.sets(st.sampled_from([*_ROLES, "nobody", "*"]), max_size=3),
    st.builds(Place, st.sampled_from([*_PLACES, "qa", "*", "elsewhere"]), st.sampled_from([False, False, True])),
    st.sampled_from(_TOOLS),
    st.sampled_from(_TOOLS),
    st.one_of(st.sampled_from(_RESOURCES), st.text("fileab:/s", max_size=8)),
    st.sampled_from(_EFFECTS),
    values,
)


@lru_cache(maxsize=1)
def _model() -> str:
    return (shipped() / "model.conf").read_text(encoding="utf-8")


def _table(texts: list[str], linked: list[tuple[str, str]]) -> Table:
    lines = [*texts, *(f"g, {member}, {role}" for member, role in linked)]
    table = rows.read("".join(f"{line}\n" for line in lines).encode())
    assert not table.problems, table.problems
    return table


@settings(max_examples=250, deadline=None)
@given(st.lists(row_texts, max_size=14), links, st.lists(questions, min_size=1, max_size=8))
def test_the_index_answers_as_casbin(
    texts: list[str], linked: list[tuple[str, str]], asked: list[Question]
) -> None:
    """The same deny row, ask rows with their obligations and allow row, in the same order, for every question."""
    table = _table(texts, linked)
    oracle = Engine(_model(), table.rows, groups=table.groups)
    index = Index(table.rows, groups=table.groups)
    for question in asked:
        assert index.answers(question) == oracle.answers(question), question


@settings(max_examples=60, deadline=None)
@given(st.lists(questions, min_size=1, max_size=10))
def test_the_index_answers_as_casbin_over_the_shipped_rows(asked: list[Question]) -> None:
    """The rows that we ship, too."""
    oracle, index = _shipped()
    for question in asked:
        assert index.answers(question) == oracle.answers(question), question


@lru_cache(maxsize=1)
def _shipped() -> tuple[Engine, Index]:
    table = rows.read((shipped() / "policy.csv").read_bytes())
    return Engine(_model(), table.rows, groups=table.groups), Index(table.rows, groups=table.groups)


def test_inherited_roles_end_where_casbin_ends() -> None:
    """A chain of roles of any length binds as far as casbin follows it, and no further."""
    names = [f"r{number}" for number in range(14)]
    text = "".join(f"g, {low}, {high}\n" for low, high in itertools.pairwise(names))
    text += "".join(f"p, {name}, *, *, *, read, , deny,\n" for name in reversed(names))
    table = rows.read(text.encode())
    oracle = Engine(_model(), table.rows, groups=table.groups)
    index = Index(table.rows, groups=table.groups)
    for name in names:
        question = Question(frozenset({name}), Place("dev"), "Bash", "shell:ls", "file:/x", Effect.READ, Facts({}))
        assert index.answers(question) == oracle.answers(question), name


def test_a_question_reads_few_of_many_rows() -> None:
    """Thousands of rows about other resources, tools, environments and effects are not looked at."""
    text = "".join(f"p, *, *, *, volume:railway/vol_{n:04}*, destructive, , ask,\n" for n in range(2000))
    text += "".join(f"p, *, *, tool_{n}, *, destructive, , ask,\n" for n in range(1000))
    index = Index(rows.read(text.encode()).rows)
    shelf = index._shelves[Effect.DESTRUCTIVE]
    cells = [cell["*"]["*"] for cell in shelf.about("volume:railway/vol_1234/x")]
    looked_at = sum(len(cell.any_tool) + len(cell.by_tool.get("tool_7", [])) for cell in cells)
    assert looked_at == 2


@settings(max_examples=200, deadline=None)
@given(conditions, values, st.sampled_from(_PLACES))
def test_a_compiled_condition_says_what_the_expression_says(
    text: str, found: dict[str, int | str | bool], place: str
) -> None:
    """True, false or not to be told, as the tree says it; also where an attribute lacks or is of another kind."""
    condition = when.parse(text, known=KNOWN)
    given_values = {**found, "environment": place}
    assert compiled(condition)(given_values) is condition.holds(given_values)
