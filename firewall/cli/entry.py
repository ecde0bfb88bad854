"""Where `stayhand` starts: hooks are answered by a small program of their own, all else by the command line.

An agent starts `stayhand hook AGENT` for every call, so nothing of the command line is imported for it.
"""

import sys

from firewall.codecs.hooks.shapes import AGENTS


def main() -> None:
    """Run the command line, or answer a hook."""
    words = sys.argv[1:]
    if len(words) >= 2 and words[0] == "hook" and words[1] in AGENTS and not {"-h", "--help"} & set(words):
        from firewall.cli import hook_client

        hook_client.run(words[1], words[2:])
    from firewall.cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
