"""A server of the official SDK, over HTTP in a thread or over standard input and output as a program."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from mcp import types
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

from firewall.gates.edge.server import bind

STOP_LIMIT_S = 20


class Name(BaseModel):
    """What a form asks for."""

    name: str


def server() -> MCPServer:
    """Return a server with a tool of each kind, a resource and a prompt."""
    made = MCPServer("shop", instructions="Sell nothing that is not there.", version="1.2.3")

    @made.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @made.tool()
    async def count(ctx: Context, to: int) -> str:
        """Count, and say how far."""
        for number in range(1, to + 1):
            await ctx.report_progress(number, to, f"at {number}")
        return f"counted to {to}"

    @made.tool()
    async def greet(ctx: Context) -> str:
        """Ask who is there, and greet them."""
        answer = await ctx.elicit("Who is there?", Name)
        return f"hello {answer.data.name}" if answer.action == "accept" else answer.action

    @made.tool()
    async def wait(seconds: float) -> str:
        """Take a while."""
        await asyncio.sleep(seconds)
        return "waited"

    @made.tool()
    def fail() -> str:
        """Fail."""
        raise ValueError("it broke")

    @made.resource("shop://stock")
    def stock() -> str:
        """Say what there is."""
        return "three apples"

    @made.resource("shop://shelf/{number}")
    def shelf(number: str) -> str:
        """Say what lies on a shelf."""
        return f"shelf {number}"

    @made.prompt()
    def sell(what: str) -> str:
        """Sell something."""
        return f"Sell me {what}."

    _asks(made)
    return made


def _asks(made: MCPServer) -> None:
    """Add completions, a tool that tells, and one that asks, under the name of one that is known to read."""

    @made.tool()
    async def restock(ctx: Context) -> str:
        """Tell of new stock."""
        await ctx.notify_resource_updated("shop://stock")
        await ctx.notify_resources_changed()
        return "stocked"

    @made.tool()
    def get_file_contents(ctx: Context, path: str) -> str | types.InputRequiredResult:
        """Say what stands in a file, once it is known who asks."""
        said = ctx.input_responses
        if said is None:
            schema = {"type": "object", "properties": {"name": {"type": "string"}}}
            form = types.ElicitRequestFormParams(message="Who asks?", requested_schema=schema)
            wanted = {"who": types.ElicitRequest(params=form)}
            return types.InputRequiredResult(input_requests=wanted, request_state="asked once")
        answer = said["who"]
        assert isinstance(answer, types.ElicitResult)
        return f"{path}: {answer.content}, {ctx.request_state}"

    @made.completion()
    async def complete(_ref: object, argument: types.CompletionArgument, _context: object) -> types.Completion:
        """Complete every argument."""
        return types.Completion(values=[f"{argument.value}ples"])


@contextmanager
def over_http(*, json_response: bool = False, stateless: bool = False) -> Iterator[str]:
    """Serve over HTTP from a thread; yields the address of the endpoint."""
    listener = bind("127.0.0.1", 0)
    listener.listen()
    app = server().streamable_http_app(json_response=json_response, stateless_http=stateless)
    running = uvicorn.Server(
        uvicorn.Config(app, log_config=None, log_level="critical", lifespan="on", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[listener])), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    finally:
        running.should_exit = True
        thread.join(STOP_LIMIT_S)
        listener.close()


if __name__ == "__main__":
    server().run("stdio")
