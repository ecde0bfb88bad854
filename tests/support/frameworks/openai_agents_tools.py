"""Has a tool of openai-agents ask first: `@function_tool(tool_input_guardrails=[asks_first])`."""

import asyncio
import json

from agents import ToolGuardrailFunctionOutput, ToolInputGuardrailData, tool_input_guardrail

from tests.support.frameworks.asking import refusal


@tool_input_guardrail
async def asks_first(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
    """Let the call run, or have the model read the refusal instead."""
    arguments = json.loads(data.context.tool_arguments or "{}")
    if why := await asyncio.to_thread(refusal, data.context.tool_name, arguments):
        return ToolGuardrailFunctionOutput.reject_content(why)
    return ToolGuardrailFunctionOutput.allow()
