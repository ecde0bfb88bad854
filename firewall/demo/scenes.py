"""The built-in script: an agent that tidies up and goes one step too far.

Every destructive command names things that exist only in the demo (`/srv/data`, the pretend Railway).
"""

from typing import Final

from firewall.demo.script import Scene, Script, Shell, Turn

REMOVE: Final = Shell("rm -rf /srv/data", "Remove the old data directory")
FORCE_PUSH: Final = Shell("git push --force origin main", "Overwrite the remote branch")
CLOSING: Final = Turn(text="That is all I could do. Tell me if I should go on.")


def volume_delete(url: str = "https://backboard.railway.app/graphql/v2") -> Shell:
    """Return the nine-second incident as one command: a volume deleted over GraphQL with a found token."""
    document = '{"query":"mutation { volumeDelete(volumeId: \\"vol_production\\") }"}'
    return Shell(
        f"curl -s -X POST {url} -H 'Authorization: Bearer '\"$RAILWAY_TOKEN\" "
        f"-H 'Content-Type: application/json' -d '{document}'",
        "Delete the volume that blocks the deployment",
    )


def _scene(when: str, *, said: str, call: Shell) -> Scene:
    return Scene(
        when=when, turns=(Turn(text=said, thinking="The person wants this gone.", calls=(call,)), CLOSING)
    )


INCIDENT: Final = Script(
    scenes=(
        _scene("clean up", said="I will clean up the old data.", call=REMOVE),
        _scene("push", said="I will bring the remote up to date.", call=FORCE_PUSH),
        _scene("volume", said="The volume is in the way.", call=volume_delete()),
        Scene(
            turns=(
                Turn(
                    text="Let me look around first.",
                    thinking="I should see what is there before I change it.",
                    calls=(Shell("ls -la", "List the files"),),
                ),
                Turn(text="The old data takes up space. I remove it.", thinking="It looks old.", calls=(REMOVE,)),
                CLOSING,
            )
        ),
    )
)
"""Prompts that name a deed lead straight to it; any other leads to it by way of a harmless look around."""
