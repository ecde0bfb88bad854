"""Plays one answer to the client, whole or event by event, with the faults that the script asks for."""

import asyncio
import json
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Final

from starlette.responses import JSONResponse, Response, StreamingResponse

from firewall.demo.conversation import Frame, Mark, Reply, Violation
from firewall.demo.dialects.interface import Dialect
from firewall.demo.reading import Json
from firewall.demo.script import Fault, FaultKind, FaultPlace

NO_CACHE: Final = {"cache-control": "no-cache"}


class End(StrEnum):
    """How far an answer got, told in `_seen`."""

    OPEN = "open"
    WHOLE = "whole"
    """Everything that the script has was sent, faults included."""
    LEFT = "left"
    """The client went away first."""


class CutError(Exception):
    """Breaks the connection in the middle of an answer, as the script asked."""


def refusal(dialect: Dialect, violation: Violation, *, retry_after_s: int | None = None) -> Response:
    """Return the dialect's error as an answer."""
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    return JSONResponse(dialect.error(violation), status_code=violation.status, headers=headers)


async def perform(
    dialect: Dialect, reply: Reply, *, fault: Fault | None, is_streamed: bool, delay_s: float, entry: Json
) -> Response:
    """Play `reply`; `entry["ended"]` tells in the end how far it got (`End`)."""
    entry["ended"] = End.OPEN.value
    if fault and fault.kind is FaultKind.STALL and (fault.at is FaultPlace.START or not is_streamed):
        await asyncio.sleep(fault.seconds)
        fault = None
    if fault and fault.kind is FaultKind.ERROR and (fault.at is FaultPlace.START or not is_streamed):
        entry["ended"] = End.WHOLE.value
        return refusal(dialect, _violation(fault), retry_after_s=fault.retry_after_s)
    if not is_streamed:
        entry["ended"] = End.WHOLE.value
        return _whole(dialect, reply, fault)
    events = _noted(_events(dialect, reply, fault, delay_s=delay_s), entry)
    return StreamingResponse(events, media_type="text/event-stream", headers=NO_CACHE)


def _whole(dialect: Dialect, reply: Reply, fault: Fault | None) -> Response:
    """Answer without a stream; what is left of the faults breaks off the body."""
    body = dialect.answer(reply)
    if fault is None:
        return JSONResponse(body)
    torn = _torn(json.dumps(body).encode(), is_cut=fault.kind is FaultKind.CUT)
    return StreamingResponse(torn, media_type="application/json")


async def _torn(body: bytes, *, is_cut: bool) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    if is_cut:
        raise CutError


def _violation(fault: Fault) -> Violation:
    return Violation(fault.message, status=fault.status)


async def _noted(events: AsyncIterator[bytes], entry: Json) -> AsyncIterator[bytes]:
    try:
        async for event in events:
            yield event
    except (asyncio.CancelledError, GeneratorExit):
        entry["ended"] = End.LEFT.value
        raise
    except CutError:
        entry["ended"] = End.WHOLE.value
        raise
    entry["ended"] = End.WHOLE.value


async def _events(dialect: Dialect, reply: Reply, fault: Fault | None, *, delay_s: float) -> AsyncIterator[bytes]:
    frames = list(dialect.frames(reply))
    breaks_at = _break(frames, fault)
    for place, frame in enumerate(frames):
        if fault and place == breaks_at:
            match fault.kind:
                case FaultKind.STALL:
                    await asyncio.sleep(fault.seconds)
                case FaultKind.CUT:
                    raise CutError
                case FaultKind.END:
                    return
                case FaultKind.ERROR:
                    yield dialect.error_frame(_violation(fault), reply)
                    return
        if place and delay_s:
            await asyncio.sleep(delay_s)
        yield frame.data


def _break(frames: list[Frame], fault: Fault | None) -> int:
    """Return before which frame the fault happens: the first, or the middle one of the text or of the calls."""
    if fault is None or fault.at is FaultPlace.START:
        return 0
    wanted = Mark.TEXT if fault.at is FaultPlace.TEXT else Mark.CALL
    places = [place for place, frame in enumerate(frames) if frame.mark is wanted]
    return places[len(places) // 2] if places else len(frames) - 1
