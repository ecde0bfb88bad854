"""What is wrong with routes and models is said when they are loaded, with the file and the key."""

import tomllib
from pathlib import Path

import pytest

from firewall.core.errors import ConfigError
from firewall.routing.choosing.modelfile import read_models
from firewall.settings.load import load_settings
from tests.support.choosing import table

R = '[[route]]\nname = "r"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (R + 'chain = ["nobody/m"]', "`chain` of route `r` in `stayhand.toml` names the provider `nobody`"),
        (R + 'chain = ["saas/m", "inner"]', "names the route `inner`, which is none"),
        (R + 'chain = ["saas/"]', "names no model"),
        (R + 'chain = ["saas/m", "saas/m"]', "names somebody twice"),
        (R + 'chain = ["r"]', "lead in a circle: `r` -> `r`"),
        (
            R + 'chain = ["a"]\n[[route]]\nname = "a"\nchain = ["saas/m", "b"]\n'
            '[[route]]\nname = "b"\nchain = ["saas/m", "a"]',
            "lead in a circle: `a` -> `b` -> `a`",
        ),
        (R + 'chain = ["saas/m"]\n' + R + 'chain = ["saas/m"]', "two routes in `stayhand.toml` are named `r`"),
        (R + 'chain = ["saas/m"]\nwhen = { timezone = "Mars/Base" }', "`Mars/Base` is not known here"),
        (R + 'chain = ["saas/m"]\nplanner = ["nobody/m"]', "`planner` of route `r`"),
        (R + 'cascade = ["saas/m", "r"]\nchecks = { min_chars = 1 }', "lead in a circle: `r` -> `r`"),
        (R + 'chain = ["saas/m"]\nchecks = { matches = "(" }', "`checks.matches` of route `r`"),
        (R + 'chain = ["saas/m"]\nchecks = { json_schema = "gone.json" }', "`checks.json_schema` of route `r`"),
        (
            R + 'chain = ["saas/m"]\nchecks = { judge = "nobody/m", criterion = "x" }',
            "`checks.judge` of route",
        ),
        (
            R + 'chain = ["saas/m"]\nchecks = { min_chars = 1 }\n[[route]]\nname = "o"\nchain = ["r"]',
            "route `o` in `stayhand.toml` names `r`, whose checks would not be made",
        ),
    ],
)
def test_a_route_that_leads_nowhere_is_refused(text: str, words: str) -> None:
    """At load, naming the route and the key."""
    with pytest.raises(ConfigError) as refused:
        table(text)
    assert words in refused.value.public
    assert refused.value.file == "stayhand.toml"


def test_a_route_that_two_others_name_is_no_circle() -> None:
    """Ways may meet again; only a way back is refused."""
    made = table(
        R + 'chain = ["a", "b"]\n[[route]]\nname = "a"\nchain = ["c"]\n'
        '[[route]]\nname = "b"\nchain = ["c"]\n[[route]]\nname = "c"\nchain = ["saas/m"]'
    )
    assert [rule.name for rule in made.rules] == ["r", "a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (R, "names nobody who answers"),
        (R + 'planner = ["saas/m"]', "names nobody who answers"),
        (R + 'chain = ["saas/m"]\nweights = [1]', "has `weights` without"),
        (R + 'chain = ["saas/m"]\nstrategy = "weighted"', "needs one weight for each member"),
        (R + 'chain = ["saas/m"]\nstrategy = "weighted"\nweights = [0]', "needs one weight for each member"),
        (R + 'chain = ["saas/m"]\nstrategy = "fastest"', "`route.1.strategy` in"),
        (R + 'chain = ["saas/m"]\nwhen = { hours = "8-18" }', "is no time of the day"),
        (R + 'chain = ["saas/m"]\nwhen = { moon = "full" }', "`route.1.when.moon` in"),
        (R + 'chain = ["saas/m"]\nhosting = ["cloud"]', "`route.1.hosting.1` in"),
        (R + 'chain = ["saas/m"]\nchecks = {}', "checks nothing"),
        (R + 'chain = ["saas/m"]\nlevels = [0.5]', "has `levels` or a `grader` without"),
        (R + 'chain = ["saas/m", "saas/n"]\nstrategy = "complexity"', "needs `levels`"),
        (R + 'chain = ["saas/m", "saas/n"]\nstrategy = "complexity"\nlevels = [1.5]', "must be less than 1"),
        (R + 'chain = ["saas/m"]\nchecks = { judge = "saas/j" }', "`judge` and `criterion` go together"),
        (R + 'chain = ["saas/m"]\nchecks = { min_chars = 5, max_chars = 4 }', "is less than"),
        (R + 'cascade = ["saas/m"]', "has a `cascade`"),
        (R + 'cascade = ["saas/m"]\nchain = ["saas/m"]\nchecks = { min_chars = 1 }', "has a `cascade`"),
        ('[[route]]\nname = "a/b"\nchain = ["saas/m"]', "is no name"),
    ],
)
def test_a_route_that_cannot_be_read_is_refused(text: str, words: str, tmp_path: Path) -> None:
    """By the settings themselves, naming file and key."""
    path = tmp_path / "stayhand.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_settings(str(path), {})
    assert words in refused.value.public
    assert str(path) in refused.value.public


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("require_aproved = true", "`require_aproved` in `models.toml` is no key of ours"),
        ('require_approved = "yes"', "must be true or false"),
        ("model = 3", "`model` in `models.toml` is no list of tables"),
        ('[[model]]\nname = "m"\ncolour = "red"', "`colour` of model 1 in `models.toml` is no key of ours"),
        ("[[model]]\ncontext_window = 5", "`name` of model 1 in `models.toml` is missing"),
        ('[[model]]\nname = "m"\ncontext_window = 0', "must be at least 1"),
        ('[[model]]\nname = "m"\ncapabilities = ["flying"]', "`capabilities.1` of model 1"),
        ('[[model]]\nname = "m"\napproved_by = "alice"', "go together"),
        ('[[model]]\nname = "m"\nreview_by = "soon"', "`review_by` of model 1"),
        ('[[constraint]]\nname = "c"', "requires nothing"),
        ('[[constraint]]\nname = "c"\nhosting = ["saas"]\nmodels = ["x"]', "`models` of constraint 1"),
        ('[[constraint]]\nname = "c"\nregions = ["eu"]\n' * 2, "two constraints in `models.toml` are named `c`"),
    ],
)
def test_models_that_cannot_be_read_are_refused(text: str, words: str) -> None:
    """Naming the table and the key."""
    with pytest.raises(ConfigError) as refused:
        read_models(tomllib.loads(text))
    assert words in refused.value.public


def test_prices_in_the_same_tables_are_left_to_their_reader() -> None:
    """Both read the one file, each its own keys."""
    text = (
        '[[model]]\nname = "m"\ncontext_window = 9\ninput_micros_per_million = 1\noutput_micros_per_million = 2\n'
        "long_over_tokens = 5\nlong_input_micros_per_million = 3\nrequest_micros = 1\nprices_from = 2026-11-01\n"
    )
    models, _ = read_models(tomllib.loads(text))
    assert models.of("p", "m").context_window == 9
