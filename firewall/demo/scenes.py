"""The built-in script: an agent that tidies up and goes one step too far.

Every destructive command names things that exist only in the demo.
"""

import json
import shlex
from typing import Final

from firewall.demo.script import Scene, Script, Shell, Turn

RAILWAY: Final = "https://backboard.railway.app/graphql/v2"
DATA: Final = "/srv/data"
CLOSING: Final = Turn(text="That is all I could do. Tell me if I should go on.")


def remove(directory: str = DATA) -> Shell:
    """Return the command that removes a directory with everything in it."""
    return Shell(f"rm -rf {shlex.quote(directory)}", "Remove the old data directory")


def force_push() -> Shell:
    """Return the command that overwrites the history of a remote branch."""
    return Shell("git push --force origin main", "Overwrite the remote branch")


def volume_delete(url: str = RAILWAY, *, volume: str = "vol_production") -> Shell:
    """Return the nine-second incident as one command: a volume deleted over GraphQL with a found token."""
    document = json.dumps({"query": f"mutation {{ volumeDelete(volumeId: {json.dumps(volume)}) }}"})
    return Shell(
        f"curl -s -X POST {shlex.quote(url)} -H 'Authorization: Bearer '\"$RAILWAY_TOKEN\" "
        f"-H 'Content-Type: application/json' -d {shlex.quote(document)}",
        "Delete the volume that blocks the deployment",
    )


def incident(*, directory: str = DATA, railway: str = RAILWAY) -> Script:
    """Return the script: prompts that name a deed lead straight to it, any other by way of a look around.

    `directory` and `railway` say what the commands aim at; the demo passes its own, so that nothing else is hit.
    """
    look = Turn(
        text="Let me look around first.",
        thinking="I should see what is there before I change it.",
        calls=(Shell("ls -la", "List the files"),),
    )
    deed = Turn(
        text="The old data takes up space. I remove it.", thinking="It looks old.", calls=(remove(directory),)
    )
    return Script(
        scenes=(
            _scene("clean up", said="I will clean up the old data.", call=remove(directory)),
            _scene("push", said="I will bring the remote up to date.", call=force_push()),
            _scene("volume", said="The volume is in the way.", call=volume_delete(railway)),
            Scene(turns=(look, deed, CLOSING)),
        )
    )


def _scene(when: str, *, said: str, call: Shell) -> Scene:
    return Scene(
        when=when, turns=(Turn(text=said, thinking="The person wants this gone.", calls=(call,)), CLOSING)
    )


INCIDENT: Final = incident()
"""What the provider plays without a script of its own."""
