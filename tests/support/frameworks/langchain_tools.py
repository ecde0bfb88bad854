"""A LangChain tool that asks first: `judged(tool)` takes the tool's place wherever tools are given."""

import asyncio

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException
from pydantic_core import to_jsonable_python

from tests.support.frameworks.asking import refusal


class Judged(BaseTool):
    """Another tool under its own name, description and arguments; a refusal is what the model reads instead."""

    inner: BaseTool

    def _run(self, *_: object, config: RunnableConfig, **arguments: object) -> object:
        if why := refusal(self.name, to_jsonable_python(arguments)):
            raise ToolException(why)
        return self.inner.invoke(arguments, config)

    async def _arun(self, *_: object, config: RunnableConfig, **arguments: object) -> object:
        if why := await asyncio.to_thread(refusal, self.name, to_jsonable_python(arguments)):
            raise ToolException(why)
        return await self.inner.ainvoke(arguments, config)


def judged(tool: BaseTool) -> BaseTool:
    """Return the tool that asks before `tool` runs."""
    return Judged(
        name=tool.name,
        description=tool.description,
        args_schema=tool.args_schema,
        return_direct=tool.return_direct,
        handle_tool_error=True,
        inner=tool,
    )
