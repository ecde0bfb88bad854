"""One request at the models gate, as far as it is known before its body is read."""

from collections.abc import Mapping
from dataclasses import dataclass

from firewall.core.dialect import Dialect
from firewall.core.fast_init import fast_init, maker
from firewall.gates.models.clients import Client
from firewall.gates.models.routes import Place


@fast_init
@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of one request before its body is read."""

    place: Place
    path: str
    query: str
    fields: list[tuple[bytes, bytes]]
    headers: Mapping[str, str]
    client: Client
    source: str

    @property
    def target(self) -> str:
        """What a codec reads beside the body: in Gemini's dialect the query chooses the stream's format."""
        if self.query and self.place.dialect is Dialect.GEMINI:
            return f"{self.path}?{self.query}"
        return self.path


asked_of = maker(Asked)
