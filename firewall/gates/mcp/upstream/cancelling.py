"""How a server hears that nobody follows a task any more: over a line that is let go of afterwards."""

from collections.abc import Awaitable, Callable

from firewall.gates.mcp.hearing import Still
from firewall.gates.mcp.tasks import Task, cancelling
from firewall.gates.mcp.upstream.lines import Lines


def canceller(lines: Lines) -> Callable[[Task], Awaitable[None]]:
    """Return what cancels a task at its server. It raises UpstreamError where that does not listen.

    A program of ours ends with its line, and its tasks with it: it is not started again to be told so.
    """

    async def cancel(task: Task) -> None:
        if task.server.settings.command:
            return
        async with lines.use(task.server, task.caller) as line:
            await line.ask(cancelling(task), seen=Still())

    return cancel
