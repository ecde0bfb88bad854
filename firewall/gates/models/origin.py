"""Where the calls of an answer come from: the request that they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firewall.codecs.declared import schema_hash
from firewall.codecs.sightings import first_sighting
from firewall.codecs.spoken import answered, spoken
from firewall.core.conversation import Led, Spoken
from firewall.core.dialect import Dialect
from firewall.gates.models.ruler import AnswerRuler, Ruler


@dataclass(frozen=True, slots=True)
class Origin:
    """One request to a model, as judging its answer's calls needs it; read only when asked."""

    dialect: Dialect
    identity: Mapping[str, object]
    """`ModelRequest.identity`."""

    def schema_of(self, name: str) -> str:
        """Return the hash of a tool's declaration."""
        return schema_hash(self.identity, name)

    def first_seen(self, value: str) -> str:
        """Say where the conversation first held a text."""
        return first_sighting(self.identity, value)

    def led(self, ruler: Ruler | None) -> Led:
        """Return what says which messages led to a call of the answer in hand, or to the request's own (None)."""

        def last_messages() -> Sequence[Spoken]:
            asked = spoken(self.dialect, self.identity)
            if ruler is None:
                return asked
            pieces = (ruler.body,) if isinstance(ruler, AnswerRuler) else ruler.out
            turn = asked[-1].turn + 1 if asked else 1
            return (*asked, *answered(self.dialect, pieces, turn))

        return last_messages
