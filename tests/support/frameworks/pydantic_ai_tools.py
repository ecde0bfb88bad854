"""Has every tool of a pydantic-ai agent ask first: `Agent(..., capabilities=[AsksFirst()])`."""

import asyncio
from dataclasses import dataclass
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import SkipToolExecution
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition
from pydantic_core import to_jsonable_python

from tests.support.frameworks.asking import refusal


@dataclass
class AsksFirst(AbstractCapability[Any]):
    """Asks before each tool, whichever toolset it is from; a refusal is what the model reads instead."""

    async def before_tool_execute(
        self,
        ctx: RunContext[Any],  # noqa: ARG002 - the framework's signature
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,  # noqa: ARG002 - the framework's signature
        args: dict[str, Any],
    ) -> dict[str, Any]:
        """Let the call go on with its arguments, or skip it."""
        if why := await asyncio.to_thread(refusal, call.tool_name, to_jsonable_python(args)):
            raise SkipToolExecution(why)
        return args
