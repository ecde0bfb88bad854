"""What an answer says about itself: tokens, and the ids that a client may name later."""

from firewall.codecs.interface import Usage
from firewall.codecs.upstream_json import JsonObject


class Notes:
    """Keeps the newest token counts and every id; one per answer."""

    __slots__ = ("_issued", "usage")

    def __init__(self) -> None:
        self._issued: dict[str, None] = {}
        self.usage = Usage()
        """Tokens seen so far."""

    @property
    def issued(self) -> tuple[str, ...]:
        """The completion's id and those of its audio."""
        return tuple(self._issued)

    def issue(self, identity: object) -> None:
        """Note an id."""
        if isinstance(identity, str) and identity:
            self._issued[identity] = None

    def audio(self, said: JsonObject) -> None:
        """Note the id of the audio in a delta or message."""
        audio = said.get("audio")
        if isinstance(audio, dict):
            self.issue(audio.get("id"))

    def count(self, usage: object) -> None:
        """Note the `usage` of a chunk or answer; null says nothing."""
        if not isinstance(usage, dict):
            return
        details = usage.get("prompt_tokens_details")
        self.usage = Usage(
            input_tokens=_number(usage, "prompt_tokens"),
            cached_input_tokens=_number(details, "cached_tokens") if isinstance(details, dict) else 0,
            output_tokens=_number(usage, "completion_tokens"),
        )


def _number(value: JsonObject, key: str) -> int:
    found = value.get(key)
    return found if type(found) is int and found >= 0 else 0
