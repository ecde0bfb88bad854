"""Programs that a row alone cannot describe: each has a reader here, named in tools.toml as `special`.

A reader returns True when it added everything that the command does; False leaves the rest to the rows.
"""

from collections.abc import Callable

from firewall.classify.draft import shown
from firewall.classify.names import tokens_of
from firewall.classify.rows import Program
from firewall.classify.shell import (
    appended,
    aws,
    builtins,
    containers,
    copies,
    databases,
    files,
    finds,
    net,
    patching,
    projects,
    remote,
    requests,
    schedules,
    sed,
    vendors,
    wrappers,
)
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import finish
from firewall.core.effect import Effect

Reader = Callable[[Command, Program, Analysis], bool]


def _powershell(command: Command, program: Program, analysis: Analysis) -> bool:
    """Read what PowerShell is given (its reader needs `command`, which needs this table)."""
    return analysis.powershell(command, program, analysis)


READERS: dict[str, Reader] = {
    "cd": builtins.change_directory,
    "eval": builtins.evaluate,
    "source": builtins.source_file,
    "declare": builtins.declare,
    "alias": builtins.alias,
    "trap": builtins.trap,
    "read": builtins.read_variable,
    "echo": builtins.echo,
    "set": builtins.set_options,
    "printenv": builtins.print_environment,
    "kill": builtins.kill,
    "trace": builtins.trace,
    "find": finds.find,
    "tar": files.tar,
    "sed": sed.sed,
    "dd": files.dd,
    "copy": copies.copy,
    "packages": projects.in_member,
    "chmod": files.chmod,
    "crontab": schedules.crontab,
    "at": schedules.at,
    "git": patching.git_or_patch,
    "patch": patching.patch,
    "curl": requests.curl,
    "wget": requests.wget,
    "lookup": net.lookup,
    "netcat": net.netcat,
    "tls": net.tls,
    "container": containers.container,
    "ssh": remote.ssh,
    "link": copies.link,
    "httpie": vendors.httpie,
    "aws": aws.aws,
    "gh": vendors.gh,
    "sqlite": databases.sqlite,
    "query": databases.query,
    "parallel": appended.parallel,
    "texts": wrappers.texts,
    "powershell": _powershell,
    "shift": builtins.shift,
}


def unknown_program(command: Command, analysis: Analysis) -> None:
    """Add a program that no row names: `unknown`, and `destructive` where its own words say so."""
    words = analysis.context.catalogue.words
    draft = analysis.opaque(command.span, f"{shown(command.name)} is not in the catalogue")
    draft.operation = f"shell:{command.name[:40]}"
    draft.summary = (
        f"runs {shown(' '.join(word.text for word in command.words))}: a program that is not in the catalogue"
    )
    for word in command.words[:5]:
        if (
            not word.text.startswith("-")
            and "/" not in word.text
            and set(tokens_of(word.text)) & words.destructive
        ):
            draft.effects.add(Effect.DESTRUCTIVE)
            draft.point(word.span, "says that it removes something")
            line = shown(" ".join(word.text for word in command.words))
            draft.summary = f"runs {line}, which says that it removes something"
            break
    finish(draft, command, analysis)
