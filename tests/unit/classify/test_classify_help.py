"""A plea for help or for the version is believed only where the program really ends with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect, ordered
from tests.support.understanding import shipped_context

MILD = {Effect.READ}


def effects(line: str) -> set[Effect]:
    """Return all effects of a line."""
    return set(ordered(e for action in actions_of_input("shell", line, shipped_context()) for e in action.effects))


@pytest.mark.parametrize(
    "line",
    ["rm --help", "rm -f x --help", "git --version", "git push --help", "kubectl delete pod x --help",
     "curl --help all",
     "curl --version", "wget --version", "terraform destroy -help", "python3 --version", "node --version",
     "docker rm -f x --help", "gh repo delete x --help", "xargs rm --help", "railway run --help", "aws help",
     "cargo yank --help", "helm upgrade --namespace=x --help"],
)  # fmt: skip
def test_help_and_version_are_read(line: str) -> None:
    """What only shows a text reads, whatever stands before it."""
    assert effects(line) == MILD


@pytest.mark.parametrize(
    "line",
    ["gem yank x --version 1.0", "choco uninstall x --version 1", "helm upgrade x y --version 1.2.3",
     "helm install x y --version=1.2.3", "gcloud app deploy --version v2", "cargo yank --version 1.0.7",
     "dotnet tool uninstall x --version 1", "pod trunk delete x 1.0 --version 2"],
)  # fmt: skip
def test_the_version_that_a_subcommand_works_on_is_none(line: str) -> None:
    """`--version` behind a subcommand is an option of it."""
    assert effects(line) != MILD


@pytest.mark.parametrize(
    "line",
    ["helm uninstall x --description --help", "gh api -X DELETE /repos/x/y -q --help", "rm -rf -- x --help",
     "kubectl delete ns prod -l --help", "curl -X DELETE https://api.x.com/a --aws-sigv4 --help",
     "curl -X DELETE https://api.x.com/a --ech --version", "mysql --login-path --help -e 'drop table x'",
     "terraform destroy -target -help", "redis-cli --user --help FLUSHALL", "wget --post-data --help https://x.com/d",
     "railway run sh -c 'rm -rf /srv' --help", "docker run x sh -c 'rm -rf /data' --help", "rm -rf $x --help",
     "ssh h 'rm -rf /srv;' --help", "bash -c 'rm -rf /srv' --help", "timeout 5 sh -c 'rm -rf /srv' --version"],
)  # fmt: skip
def test_a_help_that_may_be_a_value_is_none(line: str) -> None:
    """Behind an option, `--`, a word that nobody sees, or in another program's line it shows nothing."""
    assert not effects(line) <= {Effect.READ, Effect.WRITE}


OPTIONS = st.from_regex(r"-[a-zA-Z]|--[a-z][a-z-]{0,12}[a-z]", fullmatch=True).filter(
    lambda option: option != "--help"
)


@given(
    command=st.sampled_from(
        ["helm uninstall x", "kubectl delete ns prod", "flyctl volumes destroy vol_1", "gh repo delete a/b",
         "gcloud sql instances delete x", "heroku apps:destroy x", "vercel rm x", "npm unpublish x"]
    ),
    option=OPTIONS,
    ask=st.sampled_from(["--help", "--version"]),
)  # fmt: skip
def test_no_option_in_front_makes_help_a_disguise(command: str, option: str, ask: str) -> None:
    """An option that nobody knows may take the next word: what destroys always stays destroying."""
    if option in {"--version", "-h"}:
        return
    assert not effects(f"{command} {option} {ask}") <= {Effect.READ, Effect.WRITE}
