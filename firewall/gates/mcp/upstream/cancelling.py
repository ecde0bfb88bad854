"""How a server hears that nobody follows a task any more: over a line that is let go of afterwards."""

from collections.abc import Awaitable, Callable

from firewall.codecs.mcp.messages import Message
from firewall.gates.mcp.tasks import Task, cancelling
from firewall.gates.mcp.upstream.lines import Lines


class _Nobody:
    """Hears nothing; `gates.mcp.port.Seen`."""

    async def __call__(self, message: Message) -> Message | None:
        del message
        return None

    async def say(self, message: Message) -> None:
        del message

    def judged(self, entry: int) -> None:
        del entry

    def begun(self) -> None:
        pass


def canceller(lines: Lines) -> Callable[[Task], Awaitable[None]]:
    """Return what cancels a task at its server. It raises UpstreamError where that does not listen.

    A program of ours ends with its line, and its tasks with it: it is not started again to be told so.
    """

    async def cancel(task: Task) -> None:
        if task.server.settings.command:
            return
        async with lines.use(task.server, task.caller) as line:
            await line.ask(cancelling(task), seen=_Nobody())

    return cancel
