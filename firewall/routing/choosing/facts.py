"""What is known of a call when its route is picked: read once, and what needs a search only when it is asked for.

Pure: the instant and whoever searches for sensitive data come as arguments.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from firewall.core.attribution import Attribution
from firewall.core.fast_init import maker

Scan = Callable[[], frozenset[str]]
"""Searches the call's text and returns the labels of what it found."""
REGION = "region"
SENSITIVITY = "sensitivity"
"""Names of the tags that speak of where data belongs and of what kind it is."""


def nothing() -> frozenset[str]:
    """Find nothing: the scan of a call without text."""
    return frozenset()


@dataclass(slots=True)
class Facts:
    """One call, as routes and constraints see it."""

    model: str
    """As the caller names it."""
    at_us: int = 0
    """When it is asked, microseconds since 1970."""
    environment: str = ""
    owner: str = ""
    about: Attribution = field(default_factory=Attribution)
    phase: str = ""
    """`plan` or `execute`, as the caller marks it."""
    has_tools: bool = False
    has_images: bool = False
    input_tokens: int = 0
    """An estimate: a quarter of the text's bytes."""
    output_tokens: int | None = None
    """The bound that the caller set."""
    scan: Scan = nothing
    _labels: frozenset[str] | None = None

    @property
    def regions(self) -> frozenset[str]:
        """Where the data belongs, as far as it was said; several where it was said more than once."""
        return _words(self.about, REGION)

    @property
    def sensitivity(self) -> frozenset[str]:
        """Labels of the call: those that were given and those that were found. Searched once."""
        if self._labels is None:
            self._labels = _words(self.about, SENSITIVITY) | self.scan()
        return self._labels

    def shown(self) -> Mapping[str, object]:
        """Return what is known, for people; it searches nothing."""
        return {
            "model": self.model,
            "environment": self.environment,
            "feature": self.about.feature,
            "user_tier": self.about.user_tier,
            "team": self.about.team,
            "phase": self.phase,
            "tools": self.has_tools,
            "images": self.has_images,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }


made = maker(Facts)


def _words(about: Attribution, tag: str) -> frozenset[str]:
    return words_of(value for name, value in about.tags if name == tag)


def words_of(values: Iterable[str]) -> frozenset[str]:
    """Return the words of tags in small letters: `eu+us` and `eu, us` are two."""
    return frozenset(
        word for value in values for word in value.replace(",", " ").replace("+", " ").lower().split()
    )
