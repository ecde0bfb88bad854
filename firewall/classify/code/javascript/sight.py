"""What has been seen of one JavaScript program so far, with spans that lead back into its text."""

from firewall.classify.code.found import Found, Touch
from firewall.classify.code.javascript.syntax import Node, Program
from firewall.classify.draft import Draft, Source
from firewall.classify.rows import Verb
from firewall.core.effect import Effect

MAX_SEEN = 40


class Sight:
    """Collects what a program does."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.found = Found()
        self._exec: Draft | None = None

    def opaque(self, node: Node, why: str, *, unknown: bool = False) -> None:
        """Note that the program runs more than is seen."""
        if self._exec is None:
            self._exec = Draft(
                "code:inline", "code:node", effects={Effect.EXEC}, summary=f"runs JavaScript that {why}"
            )
            self.found.drafts.append(self._exec)
        if unknown:
            self._exec.effects.add(Effect.UNKNOWN)
            self._exec.unseen.append(why)
        self._exec.point(self.program.span(node), why)

    def touch(self, verb: Verb, path: str | None, node: Node, *, recursive: bool = False) -> None:
        """Note that a file is touched."""
        if len(self.found.touches) >= MAX_SEEN:
            self.opaque(node, "touches more files than are read here", unknown=True)
        else:
            self.found.touches.append(Touch(verb, path, self.program.span(node), recursive))

    def shell(self, text: str, node: Node) -> None:
        """Note that a command line is run."""
        if len(self.found.shell) >= MAX_SEEN:
            self.opaque(node, "runs more commands than are read here", unknown=True)
        else:
            self.found.shell.append(Source(text, base=None, outer=self.program.span(node)))
