"""When each token was used last: in memory at once, in the store once a minute, for nobody's decision.

No request waits for this, and none writes it: a crash forgets at most the last minute.
"""

import logging
from collections.abc import Mapping, Sequence

from firewall.core.errors import StoreError
from firewall.core.ports import Sequencer
from firewall.core.work import NoteUses, Unit
from firewall.tokens.port import TokenRows

KEEP_EVERY_S = 60
_LOG = logging.getLogger("stayhand.tokens")


class Uses:
    """Last uses by token id, in unix microseconds."""

    def __init__(self, *, sequencer: Sequencer, rows: TokenRows) -> None:
        self._sequencer = sequencer
        self._rows = rows
        self.fresh: dict[str, int] = {}
        """Since they were kept last; whoever checks a token writes here."""

    def of(self, ids: Sequence[str]) -> Mapping[str, int]:
        """Return when tokens were used last; none that never was. Raises: StoreError."""
        kept = self._rows.uses(ids)
        return {**kept, **{one: self.fresh[one] for one in ids if one in self.fresh}}

    async def keep(self) -> None:
        """Write down what is known; what cannot be written is written next time."""
        uses, self.fresh = self.fresh, {}
        if not uses:
            return
        try:
            await self._sequencer.submit(Unit(steps=(NoteUses(tuple(uses.items())),)))
        except StoreError as error:
            self.fresh = {**uses, **self.fresh}
            _LOG.warning("when tokens were used last could not be kept: %s", error.public)
