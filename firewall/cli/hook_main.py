"""Where an installed hook starts: `python -I -S hook_main.py hook AGENT ...`, for every call of an agent.

`-I` and `-S`: neither a variable, nor the folder that the agent works in, nor what is installed beside us puts a
module of its own under the name of one of Python's; and nothing is looked for that is not needed.
"""

import sys


def main() -> None:
    """Answer one event; anything but `hook AGENT` is a denial as well."""
    sys.path.append(__file__.rpartition("/firewall/cli/")[0])
    from firewall.cli import hook_client

    words = sys.argv[1:]
    hook_client.run(words[1] if len(words) > 1 else "", words[2:] if words[:1] == ["hook"] else ["--unknown"])


if __name__ == "__main__":
    main()
