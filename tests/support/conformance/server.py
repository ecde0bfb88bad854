"""A server with everything that the conformance suite asks for, by the official SDK: `python -m … `.

It prints the address of its endpoint and serves until it is ended.
"""

import asyncio
import sys
import warnings
from typing import Final

import uvicorn
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

from firewall.gates.edge.server import bind
from tests.support.conformance import tasking
from tests.support.conformance.asking import ASKING, of_prompt
from tests.support.conformance.contents import (
    CONTENTS,
    FORMS,
    PICTURE,
    PROMPTS,
    RESOURCES,
    SCHEMAS,
    embedded,
    picture,
    text,
)

Context = ServerRequestContext[dict[str, object], object]
PAUSE_S: Final = 0.05
_ARGUMENTS: Final = {"test_elicitation": "message", "test_sampling": "prompt"}
_SPEAKING: Final = ("test_tool_with_logging", "test_logging_tool", "test_tool_with_progress", "test_sampling")
_FAILING: Final = ("test_error_handling", "test_missing_capability")
TOOLS: Final = (*CONTENTS, *FORMS, *ASKING, *_SPEAKING, *_FAILING, *SCHEMAS, *tasking.SCHEMAS)


_SCHEMAS: Final = {**SCHEMAS, **tasking.SCHEMAS}


async def list_tools(_ctx: Context, _params: object) -> types.ListToolsResult:
    """List the tools."""
    return types.ListToolsResult(tools=[_tool(name) for name in TOOLS])


def _tool(name: str) -> types.Tool:
    schema: dict[str, object] = {"type": "object", "properties": {}}
    if (argument := _ARGUMENTS.get(name)) is not None:
        schema = {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
    words = f"What the suite knows as {name}."
    return types.Tool(name=name, description=words, input_schema=_SCHEMAS.get(name, schema))


async def call_tool(
    ctx: Context, params: types.CallToolRequestParams
) -> types.CallToolResult | types.InputRequiredResult:
    """Run a tool."""
    name = params.name
    if name in CONTENTS or name in SCHEMAS:
        return types.CallToolResult(content=list(CONTENTS.get(name, [text("taken")])))
    if name in ASKING:
        can = ctx.session.client_capabilities or types.ClientCapabilities()
        said = ASKING[name](params.input_responses or {}, params.request_state, can)
        return said if isinstance(said, types.InputRequiredResult) else _text(said)
    if name in FORMS:
        return await _elicit(ctx, params)
    if name == "test_error_handling":
        return types.CallToolResult(
            content=[text("This tool intentionally returns an error for testing")], is_error=True
        )
    if name == "test_missing_capability":
        return _wanting(ctx)
    return await _speak(ctx, params)


async def _elicit(ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
    words, schema = FORMS[params.name]
    words = words or str((params.arguments or {})["message"])
    said = await ctx.session.elicit_form(words, schema, ctx.request_id)
    return _text(f"Elicitation completed: action={said.action}, content={said.content}")


def _wanting(ctx: Context) -> types.CallToolResult:
    can = ctx.session.client_capabilities
    if can is None or can.sampling is None:
        wanted = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "sampling is wanted", wanted)
    return _text("the client can be asked")


async def _speak(ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
    """Say something before the answer: to the log, of the progress, or to the client's model."""
    if params.name not in _SPEAKING:
        raise MCPError(-32602, f"there is no tool {params.name}")
    if params.name == "test_sampling":
        said = types.SamplingMessage(role="user", content=text(str((params.arguments or {})["prompt"])))
        found = await ctx.session.create_message([said], max_tokens=100, related_request_id=ctx.request_id)
        return _text(f"LLM response: {found.content}")
    for step in range(3):
        if params.name == "test_tool_with_progress":
            await ctx.session.report_progress(step * 50, 100, f"Completed step {step * 50} of 100")
        else:
            await ctx.session.send_log_message("info", f"step {step}", "everything", ctx.request_id)
        if params.name != "test_logging_tool":  # the suite has half a second for that one
            await asyncio.sleep(PAUSE_S)  # it wants to see that they come one by one
    return _text("done")


def _text(words: str) -> types.CallToolResult:
    return types.CallToolResult(content=[text(words)])


async def list_resources(_ctx: Context, _params: object) -> types.ListResourcesResult:
    """List the resources."""
    found = [
        types.Resource(uri=uri, name=uri.removeprefix("test://"), description="of the suite", mime_type=kind)
        for uri, (kind, _) in RESOURCES.items()
    ]
    return types.ListResourcesResult(resources=found)


async def list_templates(_ctx: Context, _params: object) -> types.ListResourceTemplatesResult:
    """List the templates."""
    one = types.ResourceTemplate(uri_template="test://template/{id}/data", name="template", description="by id")
    return types.ListResourceTemplatesResult(resource_templates=[one])


async def read_resource(_ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    """Read a resource."""
    uri = str(params.uri)
    if uri.startswith("test://template/"):
        id_ = uri.removeprefix("test://template/").removesuffix("/data")
        said = f'{{"id":"{id_}","templateTest":true,"data":"Data for ID: {id_}"}}'
        return _read(types.TextResourceContents(uri=uri, mime_type="application/json", text=said))
    if uri not in RESOURCES:
        raise MCPError(-32602, "Resource not found", {"uri": uri})
    kind, words = RESOURCES[uri]
    if not words:
        return _read(types.BlobResourceContents(uri=uri, mime_type=kind, blob=PICTURE))
    return _read(types.TextResourceContents(uri=uri, mime_type=kind, text=words))


def _read(content: types.TextResourceContents | types.BlobResourceContents) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[content])


async def list_prompts(_ctx: Context, _params: object) -> types.ListPromptsResult:
    """List the prompts."""
    found = [
        types.Prompt(
            name=name,
            description="of the suite",
            arguments=[types.PromptArgument(name=one, required=True) for one in arguments],
        )
        for name, arguments in PROMPTS.items()
    ]
    return types.ListPromptsResult(prompts=found)


async def get_prompt(
    _ctx: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    """Return a prompt."""
    given = params.arguments or {}
    contents: dict[str, types.ContentBlock] = {
        "test_simple_prompt": text("This is a simple prompt for testing."),
        "test_prompt_with_arguments": text(f"arg1='{given.get('arg1')}', arg2='{given.get('arg2')}'"),
        "test_prompt_with_embedded_resource": embedded(
            given.get("resourceUri", ""), "Embedded resource content for testing."
        ),
        "test_prompt_with_image": picture(),
    }
    if params.name == "test_input_required_result_prompt":
        return of_prompt(params.input_responses or {})
    if params.name not in contents:
        raise MCPError(-32602, f"there is no prompt {params.name}")
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=contents[params.name])])


async def complete(_ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    """Complete every argument."""
    return types.CompleteResult(completion=types.Completion(values=[f"{params.argument.value}ing"]))


async def nothing(_ctx: Context, _params: object) -> types.EmptyResult:
    """Take what needs no answer."""
    return types.EmptyResult()


def server() -> Server:
    """Return the server."""
    warnings.simplefilter("ignore", MCPDeprecationWarning)  # clients of earlier revisions still ask for these
    return Server(
        "everything",
        version="1.0.0",
        get_tool_input_schema=SCHEMAS.get,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_subscribe_resource=nothing,
        on_unsubscribe_resource=nothing,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
        on_set_logging_level=nothing,
    )


def main() -> None:
    """Serve on a free port."""
    listener = bind("127.0.0.1", 0)
    listener.listen()
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp\n")
    sys.stdout.flush()
    app = tasking.Tasking(server().streamable_http_app())
    config = uvicorn.Config(app, log_config=None, log_level="critical", timeout_graceful_shutdown=1)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
