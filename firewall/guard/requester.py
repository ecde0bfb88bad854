"""Who asks, and through what: the part of a request that judging needs."""

from dataclasses import dataclass

from firewall.core.fast_init import fast_init, maker
from firewall.core.grant import Grant
from firewall.tokens.service import Draw


@fast_init
@dataclass(frozen=True, slots=True)
class Requester:
    """An agent with a good token, on one gate."""

    token_id: str
    lineage: tuple[str, ...]
    """Ids of the token and its ancestors, itself first."""
    draws: tuple[Draw, ...]
    """Whose buckets its calls draw from."""
    grant: Grant
    principal: str
    """`owner/agent`: the same for every run of this agent for this human."""
    session: str = ""
    """The client's session id; a claim that narrows what an approval fits."""
    gate: str = "models"
    client: str = "other"
    home: str = ""
    """The agent's home folder as far as known; a claim."""
    cwd: str = ""
    """Where the agent says that it works, absolute; a claim: it adds readings of a call, and takes none away."""
    environment: str = ""
    """Where it says that its call lands; a claim, as `cwd`."""


made = maker(Requester)
