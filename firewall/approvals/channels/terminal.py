"""One line on a terminal: a shared screen learns id and address, and nothing of the call."""

from typing import TextIO

from firewall.approvals.channels.wording import ending
from firewall.core.notice import Alert, Message, Opened, Reminded, Settled


class Terminal:
    """Writes lines; the stream is somebody else's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    async def send(self, message: Message) -> None:
        """Write the line."""
        match message:
            case Opened(notice):
                line = f"approval {notice.id} waits at {notice.address}"
            case Reminded(notice):
                line = f"approval {notice.id} still waits at {notice.address}"
            case Settled(notice):
                line = f"approval {notice.id} waits no more: {ending(message)}"
            case Alert(text=line):
                pass
            case _:
                return
        self._stream.write(f"stayhand: {line}\n")
        self._stream.flush()

    async def aclose(self) -> None:
        """Nothing is kept open."""
