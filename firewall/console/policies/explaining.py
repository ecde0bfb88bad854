"""What a text would do and what the policies say to it: the same code as `stayhand policy explain`. Runs nothing.

A text is read in a thread, one at a time, and at most MOST_CHARS of it: whoever may look can ask.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Protocol

from firewall.console.marked import Shown, show
from firewall.console.words import CONFIDENCE_WORDS, EFFECT_WORDS, undo_words
from firewall.core.action import Action
from firewall.core.errors import ProtocolError
from firewall.core.verdict import Ask, word
from firewall.policy.reading import InputError, InputKind, shell_call, tool_call
from firewall.policy.snapshot import Explanation, Snapshot
from firewall.policy.trial import DEFAULT_ROLE, Scene, Trial, attempt, attempt_text, with_runner_ups

MOST_CHARS = 16_000
MOST_ACTIONS = 40
"""Actions that are shown; the others are counted."""
MOST_WAITING = 4
"""Texts that may wait for their turn; more are refused, so that nobody fills the threads."""
WORKSPACE = "/work/app"
TOOL = "tool"
KINDS = {
    InputKind.SHELL.value: "a command line",
    TOOL: 'a tool call: {"tool": …, "arguments": {…}}',
    InputKind.HTTP.value: 'an HTTP request: {"method": …, "url": …, "body": …}',
    InputKind.GRAPHQL.value: 'GraphQL: {"endpoint": …, "query": …}',
    InputKind.SQL.value: "SQL",
    InputKind.AWS.value: "a command of the AWS client",
    InputKind.MCP.value: 'a tool of an MCP server: {"server": …, "tool": …, "arguments": {…}}',
    InputKind.PYTHON.value: "Python",
    InputKind.JAVASCRIPT.value: "JavaScript",
    InputKind.POWERSHELL.value: "PowerShell",
    InputKind.PATCH.value: "a patch",
}
"""What a text may be, in words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants explained."""

    text: str = ""
    kind: str = InputKind.SHELL.value
    environment: str = "staging"
    role: str = DEFAULT_ROLE
    workspace: str = WORKSPACE


@dataclass(frozen=True, slots=True)
class Step:
    """One action, in words."""

    action: Action
    verdict: str
    row: str
    reason: str

    @property
    def effects(self) -> tuple[tuple[str, str], ...]:
        """Each effect and what it means."""
        return tuple((effect.value, EFFECT_WORDS.get(effect.value, "")) for effect in self.action.effects)

    @property
    def undo(self) -> str:
        """How it can be undone."""
        return undo_words(self.action.undo, self.action.reversal)[0]

    @property
    def confidence(self) -> str:
        """How sure the reading is; empty: certain."""
        return CONFIDENCE_WORDS.get(self.action.confidence, "")


@dataclass(frozen=True, slots=True)
class Explained:
    """What a text comes to."""

    asked: Asked
    verdict: str
    row: str
    row_text: str
    reason: str
    detail: str
    obligations: str
    runner_up: str
    runner_up_text: str
    steps: tuple[Step, ...]
    more: int
    """Actions beyond those shown."""
    shown: Shown


class Explainer(Protocol):
    """Says what a text would come to."""

    async def explain(self, asked: Asked) -> Explained:
        """Explain. Raises: ProtocolError for what cannot be asked."""
        ...


@dataclass(slots=True)
class Explaining:
    """The `Explainer` over the policy in force."""

    rules: "Rules"
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: int = 0

    async def explain(self, asked: Asked) -> Explained:
        """Read a text and judge it on paper, in a thread.

        Raises: ProtocolError (400) for a text that is too long or not of its kind, (429) while others wait.
        """
        if not asked.text.strip() or len(asked.text) > MOST_CHARS:
            raise ProtocolError(f"give a text of at most {MOST_CHARS} characters", code="text_invalid")
        if asked.kind not in KINDS:
            raise ProtocolError("this kind of text is not known", code="kind_invalid")
        if self._waiting >= MOST_WAITING:
            raise ProtocolError("others wait for an explanation, try again", code="explain_busy", status=429)
        self._waiting += 1
        try:
            async with self._one:
                return await asyncio.to_thread(explained, self.rules(), asked)
        finally:
            self._waiting -= 1


class Rules(Protocol):
    """Returns the policy in force."""

    def __call__(self) -> Snapshot:
        """Return it."""
        ...


def explained(snapshot: Snapshot, asked: Asked) -> Explained:
    """Judge a text on paper.

    Raises: ProtocolError for one that does not have the shape of its kind.
    """
    scene = Scene(environment=asked.environment, workspace=asked.workspace, role=asked.role)
    trial = with_runner_ups(_trial(snapshot, asked, scene), snapshot, scene)
    verdict, deciding = trial.verdict, trial.deciding
    pairs = list(zip(trial.actions, trial.explanations, strict=True))
    texts = dict.fromkeys(action.text for action in trial.actions)
    text = next(iter(texts), "") or asked.text
    spans = [
        (one.start, one.end, one.note)
        for action in trial.actions
        if action.text == text
        for one in action.evidence
    ]
    return Explained(
        asked=asked,
        verdict=word(verdict),
        row=verdict.row,
        row_text=snapshot.row(verdict.row),
        reason=verdict.reason.value,
        detail=verdict.detail,
        obligations=verdict.obligations.text() if isinstance(verdict, Ask) else "",
        runner_up=deciding.runner_up,
        runner_up_text=snapshot.row(deciding.runner_up),
        steps=tuple(_step(action, explanation) for action, explanation in pairs[:MOST_ACTIONS]),
        more=max(0, len(pairs) - MOST_ACTIONS),
        shown=show(text, spans),
    )


def _step(action: Action, explanation: Explanation) -> Step:
    verdict = explanation.verdict
    return Step(action, word(verdict), verdict.row, verdict.reason.value)


def _trial(snapshot: Snapshot, asked: Asked, scene: Scene) -> Trial:
    try:
        if asked.kind == TOOL:
            name, arguments = _call_in(asked.text)
            return attempt(snapshot, tool_call(name, arguments), scene)
        if asked.kind == InputKind.SHELL:
            return attempt(snapshot, shell_call(asked.text), scene)
        return attempt_text(snapshot, asked.kind, asked.text, scene)
    except (InputError, RecursionError) as error:
        raise ProtocolError(f"this is not {KINDS[asked.kind]}", code="text_invalid") from error


def _call_in(text: str) -> tuple[str, dict[str, object] | str]:
    """Read a tool call. Raises: InputError."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError("no JSON") from error
    name, arguments = (found.get("tool"), found.get("arguments", {})) if isinstance(found, dict) else ("", "")
    if not isinstance(name, str) or not name or not isinstance(arguments, dict | str):
        raise InputError("no tool call")
    return name, arguments
