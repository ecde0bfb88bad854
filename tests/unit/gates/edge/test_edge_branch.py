"""Which gate serves a path: told by the raw bytes of the target alone."""

import pytest
from starlette.types import Receive, Scope, Send

from firewall.gates.edge.branch import Branch


class Gate:
    """Remembers what it served."""

    def __init__(self) -> None:
        self.served: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        del receive, send
        self.served.append(scope["raw_path"])


@pytest.mark.parametrize(
    ("raw_path", "is_infra"),
    [
        (b"/infra/shop/x", True),
        (b"/infra/", True),
        (b"/infra", False),
        (b"/v1/infra/", False),
        (b"/%69nfra/", False),
    ],
)
async def test_a_prefix_leads_to_its_gate(raw_path: bytes, *, is_infra: bool) -> None:
    """Everything else goes to the first one, which answers 404 to what it does not know."""
    models, infra = Gate(), Gate()
    branch = Branch(models, {b"/infra/": infra})
    await branch({"type": "http", "raw_path": raw_path}, None, None)  # type: ignore[arg-type]  # nobody speaks
    assert (infra.served if is_infra else models.served) == [raw_path]
