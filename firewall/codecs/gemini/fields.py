"""Fields by either spelling: the API takes `functionCall` and `function_call` alike; both at once is refused."""

from collections.abc import Mapping
from typing import Literal

from firewall.codecs.gemini import tables
from firewall.core.errors import ProtocolError

JsonObject = Mapping[str, object]


def folded(value: JsonObject, where: str, side: Literal["client", "upstream"]) -> dict[str, object]:
    """Return the object with camelCase keys.

    Raises: ProtocolError `json_duplicate_key` when a field stands there in both spellings.
    """
    if "_" not in "".join(value):
        return dict(value)
    out: dict[str, object] = {}
    for name, one in value.items():
        key = tables.camel(name)
        if key in out:
            raise ProtocolError(
                f"`{where}` has the field `{key}` in two spellings", code="json_duplicate_key", side=side
            )
        out[key] = one
    return out
