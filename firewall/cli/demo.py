"""`stayhand demo` (`make demo`): the nine-second incident, first without, then with the firewall."""

import signal
import subprocess
import sys

import click

from firewall.cli.report import fail, say
from firewall.demo.serving import ServingError


@click.command()
@click.option("--auto", is_flag=True, help="Deny by itself; nobody needs to press or click anything.")
def demo(*, auto: bool) -> None:
    """Show the nine-second incident with real parts, first without, then with the firewall.

    Servers on loopback, a temporary folder, no key and no account; everything is gone afterwards.

    \b
    Example:
      stayhand demo --auto
    """
    from firewall.demo.incident.play import play
    from firewall.demo.incident.screen import Screen

    is_watched = not auto and sys.stdin.isatty() and sys.stdout.isatty()
    if not auto and not is_watched:
        say("stayhand: no terminal here, so nobody can decide; going on as with --auto")
    # Being ended from outside leaves nothing behind either: it unwinds like Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        is_as_promised = play(Screen(sys.stdout), is_watched=is_watched)
    except (ServingError, subprocess.SubprocessError, OSError) as error:
        fail(f"the demo cannot be played here: {error}")
    if not is_as_promised:
        fail("the demo did not go as it must", hint="please report what it printed")
