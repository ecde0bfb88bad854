"""Rules for every test: under `STAYHAND_REQUIRE`, what would be skipped fails; what fails is named at once.

A newcomer without node or Chromium sees those tests skipped with the reason; the full run must not. A part that is
ended at its bound prints no summary: the names of what had failed by then stand between the dots.
"""

import inspect
import os
from collections.abc import Generator

import httpx
import hypothesis
import pytest

_REQUIRED = frozenset(filter(None, os.environ.get("STAYHAND_REQUIRE", "").split(",")))
HTTP_PATIENCE_S = 60.0
"""How long a test's own request waits for an answer where it does not say: httpx's five seconds assert a time."""

# No test asserts a time, not by default either. The full run judges the code by the same examples each time; at a
# desk new ones are looked for.
hypothesis.settings.register_profile(
    "stayhand", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "stayhand-full", hypothesis.settings.get_profile("stayhand"), derandomize=True, database=None, print_blob=True
)
hypothesis.settings.load_profile("stayhand-full" if _REQUIRED else "stayhand")


def _be_patient() -> None:
    """Change the one object that all of httpx's functions and clients have as their default."""
    default = inspect.signature(httpx.Client).parameters["timeout"].default
    default.connect = default.read = default.write = default.pool = HTTP_PATIENCE_S


_be_patient()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Name failures as they come, where results come together (not in the workers)."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Naming(terminal), "stayhand-naming")


class _Naming:
    """Writes a line for each failure."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write which test failed, and in which phase."""
        if report.failed:
            self._terminal.write_line(f"\nFAILED {report.nodeid} ({report.when})")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure when anything is required: a skipped check is no check."""
    del item, call
    report = yield
    if _REQUIRED and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although STAYHAND_REQUIRE is set: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for whole files that skip themselves."""
    del collector
    report = yield
    if _REQUIRED and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped although STAYHAND_REQUIRE is set: {report.longrepr}"
    return report
