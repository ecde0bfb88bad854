"""What judging one tool call comes to, and how it is shown to approvers and written to the log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from firewall.core.action import LOCAL, Action
from firewall.core.approval import ActionView, Form, Subject
from firewall.core.call import ToolCall
from firewall.core.effect import Effect, ordered
from firewall.core.fast_init import fast_init, maker
from firewall.core.verdict import Ask, Verdict, word
from firewall.core.work import Plain
from firewall.core.world import Finding, Standing
from firewall.guard.announced import NOT_ASKED, Declaration
from firewall.guard.foreign import Foreign, hidden
from firewall.guard.placing import about
from firewall.guard.requester import Requester

MAX_SHOWN = 256 * 1024
"""Characters of arguments, and of each text, that a person can be shown; nobody is asked about more."""
MAX_ACTIONS = 200
"""Actions of one call that a person can be shown."""
MAX_SAID = 500


@fast_init
@dataclass(frozen=True, slots=True)
class Judgement:
    """One tool call, understood and judged, before anything was recorded."""

    call: ToolCall
    actions: tuple[Action, ...]
    verdict: Verdict
    deciding: Action
    """The action whose verdict is the strictest."""
    digest: str
    policy: str
    """Digest of the snapshot that judged."""
    row_text: str = ""
    foreign: tuple[Foreign, ...] = ()
    """Credentials that it holds and that we did not issue: never written down."""
    findings: tuple[Finding, ...] = ()
    """What was found out about the things that it names."""
    base: str = ""
    """The digest without the state of these things."""
    moved: tuple[tuple[str, str, str], ...] = ()
    """What is another way than when people were last asked about it: (what, before, now)."""
    declaration: Declaration = NOT_ASKED
    """Whether a tool call announced it, where it is a request."""
    forms: tuple[Form, ...] = ()
    """What could be done first or instead, so that it can be taken back."""
    bound: bytes = b""
    """The arguments that an approval binds."""
    files: frozenset[tuple[str, str]] = frozenset()
    """Path and SHA-256 hex (or `unread`) of what it runs or reads as configuration."""
    also_texts: tuple[str, ...] = ()
    """The texts of the other rows that ask, in the order in which the verdict names them."""

    @property
    def first(self) -> tuple[str, ...]:
        """The same, one line each."""
        return tuple(form.line for form in self.forms)

    @property
    def effects(self) -> tuple[Effect, ...]:
        """All effects of all actions, strictest first."""
        if len(self.actions) == 1:
            return self.actions[0].effects
        return ordered(effect for action in self.actions for effect in action.effects)

    @property
    def environment(self) -> str:
        """Where the deciding action lands."""
        return self.deciding.environment

    def facts(self) -> dict[str, Plain]:
        """Return what may stand unsealed in an entry: enums, numbers, digests."""
        return {
            "verdict": word(self.verdict),
            "reason": self.verdict.reason._value_,
            "row": self.verdict.row,
            "effects": tuple([effect._value_ for effect in self.effects]),
            "environment": self.environment,
            "actions": len(self.actions),
            "digest": self.digest,
            "policy": self.policy,
            **self.declaration.facts(),
        }

    def private(self) -> dict[str, object]:
        """Return what must be sealed: names, resources, summaries, arguments."""
        kept: dict[str, object] = {
            "tool": self.call.name,
            "call": self.call.id,
            "arguments": self._without_credentials(shown(self.call.arguments))[:MAX_SHOWN],
            "actions": [
                {
                    "operation": self._without_credentials(action.operation),
                    "resource": self._without_credentials(action.resource),
                    "environment": action.environment,
                    "effects": list(action.effects),
                    "summary": self._without_credentials(action.summary),
                }
                for action in self.actions[:50]
            ],
            "detail": self.verdict.detail,
        }
        if self.findings:
            kept["found"] = [_written(one) for one in self.findings]
        return kept

    def _without_credentials(self, text: str) -> str:
        return hidden(text, self.foreign) if self.foreign else text

    def subject(self, requester: Requester) -> Subject:
        """Return what an approver reads, all of it from the intercepted bytes but `said`."""
        return Subject(
            tool=self.call.name,
            arguments=shown(self.call.arguments),
            actions=tuple(view(action, about(action, self._found_of(action))) for action in self._by_severity()),
            agent=requester.grant.agent,
            owner=requester.grant.owner,
            session=requester.session,
            workspace=requester.grant.workspace,
            row=f"{self.verdict.row}  {self.row_text}".strip(),
            also=tuple(f"{ref}  {text}".strip() for ref, text in self._also()),
            said=self.call.hint[:MAX_SAID],
            moved=self.moved,
            first=self.first,
            forms=self.forms,
        )

    def _also(self) -> Iterable[tuple[str, str]]:
        rows = self.verdict.also if isinstance(self.verdict, Ask) else ()
        return zip(rows, self.also_texts, strict=True)

    def _found_of(self, action: Action) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.thing in action.things)

    def _by_severity(self) -> list[Action]:
        rest = [action for action in self.actions if action is not self.deciding]
        return [self.deciding, *rest]

    @property
    def is_too_large(self) -> bool:
        """A person could not be shown all of it, so nobody may be asked: what is cut could be what matters."""
        texts = [shown(self.call.arguments), *(action.text for action in self.actions)]
        return len(self.actions) > MAX_ACTIONS or any(len(text) > MAX_SHOWN for text in texts)

    @property
    def is_destructive(self) -> bool:
        """Draws from the budget of destructive actions: what is lost outside the workspace counts."""
        return any(Effect.DESTRUCTIVE in action.effects and action.environment != LOCAL for action in self.actions)


judgement_of = maker(Judgement)
"""Makes a judgement."""


def _written(one: Finding) -> dict[str, object]:
    """Return a finding as the log keeps it, sealed."""
    return {
        "resource": one.thing.resource,
        "standing": one.standing.value,
        "environments": list(one.environments),
        "state": [list(pair) for pair in one.bound],
        "why": one.why,
    }


def view(action: Action, findings: Sequence[Finding] = ()) -> ActionView:
    """Return what a page shows of one action, with what was found out about what it does something to."""
    return ActionView(
        operation=action.operation,
        resource=action.resource,
        environment=action.environment,
        effects=tuple(effect.value for effect in action.effects),
        summary=action.summary,
        undo=action.undo,
        text=action.text,
        evidence=tuple((span.start, span.end, span.note) for span in action.evidence),
        unseen=action.unseen,
        scope=action.scope.value,
        reversal=action.reversal.value,
        confidence=action.confidence.value,
        found=tuple(pair for one in findings for pair in told(one)),
    )


def told(one: Finding) -> tuple[tuple[str, str], ...]:
    """Return what people are told about a thing; of one that nobody could look at, that."""
    if one.standing is Standing.KNOWN:
        return one.said
    why = f" ({one.why})" if one.why else ""
    return (("Found", f"{one.thing.kind.replace('_', ' ')}: could not be looked up{why}"),)


def shown(arguments: bytes) -> str:
    """Return bytes as text; what is no UTF-8 is escaped visibly, never dropped."""
    return arguments.decode("utf-8", errors="backslashreplace")
