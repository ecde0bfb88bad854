"""What effects, places and reversals are called where people read them: pages, explanations, the command line."""

from collections.abc import Mapping

from firewall.core.action import LOCAL, UNRESOLVED, Confidence, Reversal, Scope
from firewall.core.approval import ApprovalStatus, FormState

EFFECT_WORDS: Mapping[str, str] = {
    "read": "reads",
    "write": "changes things that can be put back",
    "disruptive": "interrupts a service",
    "destructive": "destroys, cannot be put back the same way",
    "privilege": "changes who may do what",
    "secret": "returns credentials",
    "exfil": "sends data outside",
    "exec": "runs code that we cannot see into",
    "unknown": "could not be understood",
}
SCOPE_WORDS: Mapping[str, str] = {
    Scope.WORKSPACE: "inside the workspace",
    Scope.MACHINE: "on the agent's machine, outside the workspace",
    Scope.ELSEWHERE: "on another machine or service",
    Scope.UNSEEN: "cannot be seen where",
}
PERHAPS_ELSEWHERE = "runs on the agent's machine, may act elsewhere"
"""Said of a program where nothing tells what it acts on."""
UNDO_WORDS: Mapping[str, tuple[str, bool]] = {
    Reversal.NOTHING: ("There is nothing to undo", True),
    Reversal.UNDO: ("Can be put back the same way", True),
    Reversal.LOST: ("Cannot be undone the same way", False),
    Reversal.UNKNOWN: ("Nobody can say whether it can be undone", False),
}
"""In words, and whether it can be."""
CONFIDENCE_WORDS: Mapping[str, str] = {
    Confidence.LIKELY: "likely, not certain: it was read by its name, or part of it cannot be seen",
    Confidence.GUESS: "a guess: it could not be resolved, so the worst may be true",
}
"""What was read by a rule about this very operation needs no words."""


RUN_WORDS: Mapping[FormState, str] = {
    FormState.BEGUN: "is under way",
    FormState.DONE: "done",
    FormState.ACCEPTED: "accepted, and not through yet: look there before you let the call itself run",
    FormState.FAILED: "failed: the call is still held",
    FormState.REFUSED: "was not sent, our own rules refused it: the call is still held",
    FormState.WAITING: "was not sent, it waits for an approval of its own: run it again once that is given",
    FormState.UNKNOWN: "may have happened, nobody knows: look there before you run it again",
}
"""What became of a form that was run."""
STATUS_WORDS: Mapping[ApprovalStatus, tuple[str, str]] = {
    ApprovalStatus.PENDING: ("Waiting for an answer", "The call is held until somebody decides."),
    ApprovalStatus.APPROVED: ("Approved", "The exact same call may pass once, until its time is over."),
    ApprovalStatus.DENIED: ("Denied", "The call was not let through; the agent is told."),
    ApprovalStatus.EXPIRED: (
        "Expired",
        "Nobody decided in time, or it was not used in time. Nothing was let through.",
    ),
    ApprovalStatus.CANCELLED: ("Withdrawn", "The request is no longer valid. Nothing was let through."),
    ApprovalStatus.CONSUMED: ("Used", "The call was let through once; this approval is worth nothing now."),
}
"""Title and sentence of an approval that stands there."""


def scope_words(scope: str, resource: str, environment: str) -> str:
    """Say where it lies; a program's own place says nothing of what it acts on, where that is somewhere else."""
    if scope == Scope.MACHINE and resource.startswith("program:") and environment != LOCAL:
        return PERHAPS_ELSEWHERE if environment == UNRESOLVED else ""
    return SCOPE_WORDS.get(scope, "")


def undo_words(undo: str, reversal: str) -> tuple[str, bool]:
    """Say how something can be undone, and whether it can; a way that is known comes first."""
    return (undo, True) if undo else UNDO_WORDS.get(reversal, ("Cannot be undone, or nobody knows how", False))
