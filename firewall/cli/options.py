"""Options that several commands take, spelled once."""

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
