"""What an answer says about itself: tokens, and the ids that a client may name later."""

from firewall.codecs.amounts import count, word
from firewall.codecs.interface import UNCOUNTED, usage_of
from firewall.codecs.upstream_json import JsonObject


class Notes:
    """Keeps the newest token counts and every id; one per answer."""

    __slots__ = ("_issued", "has_ended", "usage")

    def __init__(self) -> None:
        self._issued: dict[str, None] = {}
        self.has_ended = False
        """Every choice has ended: some providers count beside a choice that does not say so again."""
        self.usage = UNCOUNTED
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

    def count(self, value: JsonObject) -> None:
        """Note the `usage` of a chunk or answer; null says nothing."""
        usage = value.get("usage")
        if not isinstance(usage, dict):
            return
        read, said = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
        prompt = count(usage, "prompt_tokens")
        # Some providers count what was thought beside the completion, and into the total alone.
        written = max(count(usage, "completion_tokens"), count(usage, "total_tokens") - prompt)
        tier = word(value, "service_tier") if "service_tier" in value else ""
        is_over = self.has_ended or _is_over(value.get("choices"))
        if not read and not said:
            cached = count(usage, "prompt_cache_hit_tokens") if "prompt_cache_hit_tokens" in usage else 0
            self.usage = usage_of(prompt, cached, written, service_tier=tier, is_reported=is_over)
            return
        self.usage = usage_of(
            input_tokens=prompt,
            cached_input_tokens=count(read, "cached_tokens") or count(usage, "prompt_cache_hit_tokens"),
            output_tokens=written,
            cache_write_tokens=count(read, "cache_write_tokens"),
            reasoning_tokens=count(said, "reasoning_tokens"),
            input_image_tokens=count(read, "image_tokens"),
            input_audio_tokens=count(read, "audio_tokens"),
            output_image_tokens=count(said, "image_tokens"),
            output_audio_tokens=count(said, "audio_tokens"),
            service_tier=tier,
            is_reported=is_over,
        )


def _is_over(choices: object) -> bool:
    """Tell whether what is counted has come to its end: some providers count in every chunk."""
    if not isinstance(choices, list):
        return False
    for one in choices:  # noqa: SIM110 - a generator costs more than the look
        if not isinstance(one, dict) or not one.get("finish_reason"):
            return False
    return True
