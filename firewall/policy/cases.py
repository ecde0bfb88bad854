"""A policy's own tests: `cases/*.toml` and the cases in `packs/*.toml`, run against the policies beside them.

[[case]]
name = "the incident"
kind = "shell"                     # or tool = "Write" with arguments = { … } (a string for a freeform tool)
hosted = false                     # with tool: the provider runs it itself, and `arguments` is its declaration
input = "rm -rf /srv/data"
environment = "staging"            # of the grant; empty: any
workspace = "/work/app"
role = "coding-agent"
expect = "ask"
at_least = false                   # true: a stricter verdict is right as well
effects = ["destructive"]          # optional: all effects of all actions
row = "p, *, unresolved, …"        # optional: the deciding row as it stands in policy.csv, blanks aside
"""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from firewall.core.call import CallForm, ToolCall
from firewall.core.complaints import complaints
from firewall.core.effect import Effect
from firewall.core.verdict import word
from firewall.policy.reading import InputError, InputKind, call_of, tool_call
from firewall.policy.snapshot import Snapshot
from firewall.policy.trial import DEFAULT_ROLE, Scene, attempt

FOLDER = "cases"
_STRICT = ("allow", "ask", "deny")
PACKS = "packs"
DEFAULT_WORKSPACE = "/work/app"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Case(_Strict):
    """One case of a file."""

    name: str
    kind: InputKind | None = None
    input: object = None
    dialect: str = ""
    tool: str = ""
    arguments: dict[str, object] | str | None = None
    hosted: bool = False
    environment: str = "staging"
    workspace: str = DEFAULT_WORKSPACE
    role: str = DEFAULT_ROLE
    expect: Literal["allow", "ask", "deny"]
    effects: list[Effect] | None = None
    row: str = ""
    at_least: bool = False
    """A stricter verdict is right as well: an installation may deny what a shipped row asks several people."""

    @model_validator(mode="after")
    def _one_form(self) -> "Case":
        if (self.kind is None) == (not self.tool):
            raise ValueError("a case has either `kind` and `input`, or `tool` and `arguments`")
        if (self.kind is not None) is (self.input is None):
            raise ValueError("`input` belongs to `kind`, `arguments` to `tool`")
        return self

    def call(self) -> ToolCall:
        """Return the tool call of the case.

        Raises: InputError when the input does not have the shape of its kind.
        """
        if self.kind is not None:
            return call_of(self.kind, self.input, dialect=self.dialect)
        call = tool_call(self.tool, self.arguments if self.arguments is not None else {})
        return replace(call, form=CallForm.HOSTED) if self.hosted else call


class CaseFile(_Strict):
    """One file of cases."""

    case: list[Case]


@dataclass(frozen=True, slots=True)
class CaseFailure:
    """A case that did not come out as written, or a file that cannot be read."""

    file: str
    name: str
    message: str

    def text(self) -> str:
        """One line."""
        return f"{self.file}: {self.name}: {self.message}" if self.name else f"{self.file}: {self.message}"


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What running all cases gave."""

    count: int
    failures: tuple[CaseFailure, ...]


def run(directory: Path, snapshot: Snapshot) -> CaseReport:
    """Run the cases of a policies folder; no case at all is a failure, for nothing was tested."""
    count = 0
    failures: list[CaseFailure] = []
    for inner in (FOLDER, PACKS):
        for path in sorted((directory / inner).glob("*.toml")):
            report = _run_file(f"{inner}/{path.name}", path, snapshot)
            count += report.count
            failures += report.failures
    if not count and not failures:
        failures.append(CaseFailure(FOLDER, "", "there is no case to run"))
    return CaseReport(count, tuple(failures))


def _run_file(name: str, path: Path, snapshot: Snapshot) -> CaseReport:
    """Run one file; a pack holds other things as well, and must hold a case where it teaches programs."""
    is_pack = name.startswith(f"{PACKS}/")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found = CaseFile.model_validate({"case": table.get("case", [])} if is_pack else table)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return CaseReport(0, (CaseFailure(name, "", f"cannot be read: {error}"),))
    except ValidationError as error:
        return CaseReport(0, tuple(CaseFailure(name, where, what) for where, what in complaints(error)))
    if is_pack and "program" in table and not found.case:
        return CaseReport(0, (CaseFailure(name, "", "teaches programs and has no case"),))
    failures = [failure for case in found.case if (failure := _run(name, case, snapshot)) is not None]
    return CaseReport(len(found.case), tuple(failures))


def _run(file: str, case: Case, snapshot: Snapshot) -> CaseFailure | None:
    try:
        call = case.call()
    except InputError as error:
        return CaseFailure(file, case.name, str(error))
    trial = attempt(
        snapshot,
        call,
        Scene(environment=case.environment, workspace=case.workspace, role=case.role),
    )
    found = word(trial.verdict)
    by = trial.verdict.row or trial.verdict.reason.value
    is_stricter = case.at_least and _STRICT.index(found) > _STRICT.index(case.expect)
    if found != case.expect and not is_stricter:
        effects = " ".join(trial.effects)
        return CaseFailure(
            file, case.name, f"expected {case.expect}, got {found} by {by} ({effects}: {trial.verdict.detail})"
        )
    if case.effects is not None and set(case.effects) != set(trial.effects):
        wanted = " ".join(case.effects)
        return CaseFailure(file, case.name, f"expected the effects {wanted}, got {' '.join(trial.effects)}")
    row = snapshot.row(trial.verdict.row)
    if case.row and "".join(case.row.split()) not in ("".join(row.split()), trial.verdict.row):
        return CaseFailure(file, case.name, f"expected the row `{case.row}`, decided by {by}: `{row}`")
    return None
