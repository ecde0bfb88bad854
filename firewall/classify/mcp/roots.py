"""What a client answers when a server asks for its folders (`roots/list`), as it stands among what is judged.

A folder inside the grant's workspace is where the agent works anyway: naming it does nothing. INVARIANT: only an
answer that holds folders and nothing else loses the addresses of such; every other address is judged like any.
"""

import posixpath
from collections.abc import Mapping

from firewall.classify.context import Context
from firewall.classify.mcp.files import file_of
from firewall.classify.paths import is_under

ANSWERS = "mcp:inputResponses"
"""The name under which a client's answers to a server's questions are judged beside the arguments."""
_ROOT = frozenset({"uri", "name"})


def without_own(arguments: Mapping[str, object], context: Context) -> Mapping[str, object]:
    """Return arguments without the addresses of folders that lie in the workspace; the very same without such."""
    answers = arguments.get(ANSWERS)
    if not context.workspace or not isinstance(answers, Mapping):
        return arguments
    kept = {name: _named(answer, context) for name, answer in answers.items()}
    return arguments if kept == answers else {**arguments, ANSWERS: kept}


def _named(answer: object, context: Context) -> object:
    roots = answer.get("roots") if isinstance(answer, Mapping) and len(answer) == 1 else None
    if not isinstance(roots, list):
        return answer
    return {"roots": [_kept(root, context) for root in roots]}


def _kept(root: object, context: Context) -> object:
    if not isinstance(root, Mapping) or not root.keys() <= _ROOT:
        return root
    path = posixpath.normpath(file_of(root) or "/")
    if not is_under(path, context.workspace) or context.environments.claims_path(path):
        return root
    return {name: value for name, value in root.items() if name != "uri"}
