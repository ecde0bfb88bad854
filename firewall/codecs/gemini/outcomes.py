"""What a request's newest turn reports of calls: `functionResponse` parts of the last user content."""

from collections.abc import Mapping

from firewall.codecs.interface import Result
from firewall.codecs.trailing import objects, trailing


def results(value: Mapping[str, object]) -> tuple[Result, ...]:
    """Return the results of the newest turn, by id where there is one and by name otherwise."""
    return tuple(
        _result(response)
        for content in trailing(value.get("contents"), lambda item: item.get("role") != "model")
        for part in objects(content.get("parts"))
        if isinstance(response := part.get("functionResponse", part.get("function_response")), Mapping)
    )


def _result(response: Mapping[str, object]) -> Result:
    said = response.get("response")
    is_error = isinstance(said, Mapping) and "error" in said
    return Result(str(response.get("id") or response.get("name") or ""), is_error=is_error)
