"""`crontab`, `at`: shell text that runs later."""

from firewall.classify.draft import Draft, Source
from firewall.classify.rows import Program
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import finish
from firewall.classify.shell.options import read_options
from firewall.core.effect import Effect


def crontab(command: Command, program: Program, analysis: Analysis) -> bool:
    """`crontab`: `-l` shows, `-r` erases, anything else installs commands that run later."""
    options, _ = read_options(command.words[1:], program.takes)
    draft = Draft("shell:crontab", "schedule:crontab")
    draft.point(command.span, "the schedule of commands")
    if "-l" in options.flags:
        draft.effects, draft.summary = {Effect.READ}, "shows the schedule of commands"
    elif "-r" in options.flags:
        draft.effects, draft.summary = (
            {Effect.DESTRUCTIVE, Effect.PRIVILEGE},
            "deletes the whole schedule of commands; no undo",
        )
    else:
        draft.effects, draft.summary = (
            {Effect.PRIVILEGE, Effect.EXEC, Effect.DESTRUCTIVE},
            "replaces the schedule of commands that run later",
        )
        _later(command, analysis, draft, skip=5)
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return True


def at(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`at`, `batch`: runs later what it reads."""
    draft = Draft("shell:at", "schedule:at", effects={Effect.EXEC}, summary="schedules commands that run later")
    draft.point(command.span, draft.summary)
    _later(command, analysis, draft, skip=0)
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return True


def _later(command: Command, analysis: Analysis, draft: Draft, *, skip: int) -> None:
    feed = command.feed
    if feed is None or feed.text is None:
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append("the commands that will run")
        return
    for line in feed.text.splitlines():
        stripped = line.strip()
        fields = stripped.split(None, 1 if stripped.startswith("@") else skip) if skip else [stripped]
        if stripped and not stripped.startswith("#"):
            outer = feed.source.whole() if feed.source is not None else command.span
            analysis.script(
                analysis, Source(fields[-1], base=None, outer=outer), command.scope.copy(), None, command.depth + 1
            )
