"""Forms beside the decision on an approval's page: opening what led to a call, and asking for another form."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from firewall.approvals.service import Approvals
from firewall.console.api.approvals import Runner
from firewall.console.approving.conversation import talk
from firewall.console.approving.showing import ApprovalPages
from firewall.console.asking import Asker, Doorman, SignedOutError, read_form
from firewall.console.auth import Access
from firewall.console.rows import Row
from firewall.core.errors import ApprovalError, LimitError
from firewall.core.ids import is_id


class Beside:
    """The handlers of these forms."""

    def __init__(self, shown: ApprovalPages, *, approvals: Approvals, doorman: Doorman, runner: Runner) -> None:
        self._shown = shown
        self._approvals = approvals
        self._doorman = doorman
        self._runner = runner

    def rows(self) -> tuple[Row, ...]:
        """Return their routes."""
        return (
            Row("POST", "/approve/{id}/conversation", Access.FORM, self.conversation, needs=Access.LOG),
            Row("POST", "/approve/{id}/edit", Access.FORM, self.edit, needs=Access.DECIDER),
        )

    async def conversation(self, request: Request, asker: Asker) -> Response:
        """Show an approval with what led to it, to whoever may read that; the reading is an entry first.

        Raises: ApprovalError `approval_unknown` (404), `conversation_refused` (403).
        """
        if asker.who is None or asker.session is None:
            raise SignedOutError("sign in first")
        self._doorman.demand_csrf(asker.session, (await read_form(request)).get("csrf", ""))
        approval_id = _id(request)
        kept = await self._approvals.conversations.read(self._approvals.get(approval_id), asker.who)
        return await self._shown.show(approval_id, asker.who, asker.session, led=talk(kept))

    async def edit(self, request: Request, asker: Asker) -> Response:
        """Deny a call with another form of it, and go on to the form's own page, where it is answered.

        Raises: ApprovalError `approval_unknown`, `edit_unknown` (404).
        """
        if asker.who is None or asker.session is None:
            raise SignedOutError("sign in first")
        fields = await read_form(request)
        self._doorman.demand_csrf(asker.session, fields.get("csrf", ""))
        approval_id, text = _id(request), fields.get("text", "").replace("\r\n", "\n")
        editor = self._runner.editor
        if editor is None:
            raise ApprovalError("no call can be edited here", code="edit_unknown", status=404)
        try:
            found = await editor.propose(approval_id, text, by=asker.who)
        except (ApprovalError, LimitError) as error:
            if error.code == "approval_unknown":
                raise
            return await self._shown.show(approval_id, asker.who, asker.session, said=error, wish=text)
        return RedirectResponse(f"/approve/{found.id}", 303)


def _id(request: Request) -> str:
    approval_id = str(request.path_params["id"])
    if not is_id(approval_id, "apr"):
        raise ApprovalError("there is no such approval", code="approval_unknown", status=404)
    return approval_id
