"""Money as configured, and what becomes of calls that a crash left behind."""

from pathlib import Path

import pytest

from firewall.app.money import EVER_US, budgets_of, limits_of, reclaim
from firewall.core.budget import Budget, Scope, Window
from firewall.core.errors import ConfigError
from firewall.core.work import Unit
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings
from firewall.spend.rates import Limit
from tests.support.spending import ask, purse

TEXT = """
[[budget]]
scope = "team"
window = "month"
hard_micros = 5000000
soft_micros = 4000000

[[rate]]
scope = "provider"
holders = "openai"
tokens_per_minute = 1000
"""


def settings_of(folder: Path, text: str) -> Settings:
    """Read settings from a file."""
    path = folder / "stayhand.toml"
    path.write_text(text)
    return load_settings(str(path), {})


def test_budgets_and_rates_are_read(tmp_path: Path) -> None:
    """The file's words become the rules' own."""
    settings = settings_of(tmp_path, TEXT)
    assert budgets_of(settings) == (Budget(Scope.TEAM, Window.MONTH, 4_000_000, 5_000_000),)
    assert limits_of(settings) == (Limit(Scope.PROVIDER, 0, 1_000, "openai"),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[budget]]\nscope = "planet"\nwindow = "day"\nhard_micros = 1', "scope"),
        ('[[budget]]\nscope = "team"\nwindow = "week"\nhard_micros = 1', "window"),
        ('[[budget]]\nscope = "team"\nwindow = "life"\nhard_micros = 1', "window"),
        ('[[budget]]\nscope = "team"\nwindow = "day"', "limits nothing"),
        ('[[budget]]\nscope = "team"\nwindow = "day"\nhard_micros = -1', "hard_micros"),
        ('[[budget]]\nscope = "team"\nwindow = "day"\nhard_micros = 1.5', "hard_micros"),
        ('[[budget]]\nscope = "team"\nwindow = "day"\nhard_micros = 5\nsoft_micros = 5', "less than"),
        ('[[budget]]\nscope = "team"\nwindow = "day"\nhard = 5', "hard"),
        ('[[rate]]\nscope = "feature"\nrequests_per_minute = 5', "scope"),
        ('[[rate]]\nscope = "team"', "limits nothing"),
        ('[[budget]]\nscope = "provider"\nholders = "opnai"\nwindow = "day"\nhard_micros = 5', "opnai"),
        ('[[rate]]\nscope = "provider"\nholders = "opnai"\ntokens_per_minute = 5', "opnai"),
        ('[[budget]]\nscope = "route"\nholders = "codr"\nwindow = "day"\nhard_micros = 5', "codr"),
    ],
)
def test_what_would_limit_nothing_is_refused_when_it_is_read(tmp_path: Path, text: str, says: str) -> None:
    """A word that is none of ours, a limit without a limit, a provider or a route that nobody is: at load."""
    provider = (
        '\n[[provider]]\nname = "openai"\ndialect = "openai-chat"\nbase_url = "http://x"\napi_key = "client"\n'
    )
    with pytest.raises(ConfigError, match=says):
        settings_of(tmp_path, text + provider)


async def test_what_a_crash_left_is_booked_at_the_next_start(tmp_path: Path) -> None:
    """The process is gone and so are its calls: nothing stays held, and an entry says how many there were."""
    async with purse(tmp_path) as found:
        spending = found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=10_000))
        for _ in range(3):
            opened = await spending.open(ask())
            await spending.sequencer.submit(Unit(steps=opened.steps))
        settings = Settings()
        await reclaim(found.installation, settings, found.clock.now_us())
        assert list(found.accounts().values()) == [(0, 600)]
        assert found.kinds() == []
        await reclaim(found.installation, settings, found.clock.now_us(), is_start=True)
        assert list(found.accounts().values()) == [(600, 0)]
        assert found.lines() == [("leaked", 200)] * 3
        assert found.kinds() == ["spend.settled"]
        await reclaim(found.installation, settings, found.clock.now_us(), is_start=True)
        assert found.kinds() == ["spend.settled"]
        assert found.clock.now_us() < EVER_US
