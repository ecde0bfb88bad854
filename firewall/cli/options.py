"""Options that several commands take, spelled once."""

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SENTENCE = 400
"""Characters that a first sentence may have."""


class Listed(click.Group):
    """A group that lists its commands with whole first sentences, however narrow the terminal is."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands; click itself cuts their sentences to one line."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, one.get_short_help_str(_SENTENCE)) for name, one in found if one and not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
