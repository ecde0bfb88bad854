"""Shell lines, looked at closely: resources, environments, evidence, reach."""

from dataclasses import replace

import pytest

from firewall.classify.text import actions_of_input
from firewall.core.action import LOCAL, UNRESOLVED, Action
from firewall.core.effect import Effect
from tests.support.understanding import context_with, shipped_context

INCIDENT = (
    'curl -X POST https://backboard.railway.app/graphql/v2 -H "Authorization: Bearer 9a8b" '
    '-H "Content-Type: application/json" '
    '-d \'{"query":"mutation { volumeDelete(volumeId: \\"3d2c42fb-1\\") }"}\''
)


def worst(text: str) -> Action:
    """Return the first action with the strictest effect."""
    actions = actions_of_input("shell", text, shipped_context())
    return max(actions, key=lambda action: list(Effect).index(action.effect))


def test_the_incident() -> None:
    """The nine-second curl is one volume deletion with a credential that is not ours, and says what is lost."""
    action = worst(INCIDENT)
    assert action.operation == "graphql:volumeDelete"
    assert action.resource == "volume:railway/3d2c42fb-1"
    assert action.effects == (Effect.DESTRUCTIVE,)
    assert action.summary == "deletes volume `3d2c42fb-1` with the backups stored on it; no undo through this API"
    assert action.attributes["foreign_credential"] is True
    assert "backboard.railway.app:443/graphql/v2" in action.reach.addresses
    assert any("volumeDelete" in action.text[item.start : item.end] for item in action.evidence)


def test_the_incident_in_its_environment() -> None:
    """A row for the volume gives the deletion an environment; a second claim makes it unresolved."""
    row = '[[environment]]\nname = "production"\nresources = ["volume:railway/3d2c*"]\n'
    other = '[[environment]]\nname = "staging"\nhosts = ["backboard.railway.app"]\n'
    assert actions_of_input("shell", INCIDENT, context_with(row))[0].environment == "production"
    assert actions_of_input("shell", INCIDENT, context_with(row + other))[0].environment == UNRESOLVED


@pytest.mark.parametrize(
    ("text", "resource", "environment", "inside"),
    [
        ("rm -rf /srv/data", "file:/srv/data", UNRESOLVED, False),
        ("rm notes.txt", "file:/home/dev/app/notes.txt", LOCAL, True),
        ("rm ../app/notes.txt", "file:/home/dev/app/notes.txt", LOCAL, True),
        ("rm ../other/notes.txt", "file:/home/dev/other/notes.txt", UNRESOLVED, False),
        ("cd .. && rm app2", "file:/home/dev/app2", UNRESOLVED, False),
        ("cd src; rm a", "file:/home/dev/app/src/a", LOCAL, True),
        ("cd $X; rm a", "unknown:", UNRESOLVED, False),
        ("rm $X", "unknown:", UNRESOLVED, False),
        ("rm src/$X", "unknown:", UNRESOLVED, False),
        ("rm ~/x", "file:/home/dev/x", UNRESOLVED, False),
        ("rm /home/dev/appendix", "file:/home/dev/appendix", UNRESOLVED, False),
    ],
)
def test_where_a_removal_lands(text: str, resource: str, environment: str, inside: bool) -> None:  # noqa: FBT001 - a table
    """A path is local only when all of it is known and lies under the workspace."""
    action = worst(text)
    assert (action.resource, action.environment, action.inside_workspace) == (resource, environment, inside)


@pytest.mark.parametrize(
    "text",
    ["rm -rf .", "rm -rf *", "rm -rf ./*", "rm -rf /home/dev/app", "rm -rf ../app", "rm -rf /", "rm -rf /home/*"],
)
def test_the_whole_workspace(text: str) -> None:
    """Removing the workspace, everything in it or a folder above it is marked."""
    assert worst(text).attributes.get("whole_workspace") is True


@pytest.mark.parametrize(
    "text", ["rm -rf .git", "git reset --hard", "git clean -fdx", "git branch -D x", "git push -f"]
)
def test_history(text: str) -> None:
    """Losing commits or uncommitted work is marked."""
    action = worst(text)
    assert Effect.DESTRUCTIVE in action.effects
    assert action.attributes.get("history") is True


@pytest.mark.parametrize(
    "text",
    ["rm -f /tmp/x.log", "rm /tmp/a /tmp/b", "> /tmp/out.log", "cat > /tmp/patch.diff", "mkdir /tmp/x",
     "tee /tmp/x < README.md", "rm -f /tmp/build-*.log"],
)  # fmt: skip
def test_single_scratch_entries_come_and_go(text: str) -> None:
    """One entry directly in a scratch folder is made, replaced and removed as an ordinary write."""
    action = worst(text)
    assert (action.effect, action.environment) == (Effect.WRITE, LOCAL)


@pytest.mark.parametrize(
    "text",
    ["rm -rf /tmp", "rm -rf /tmp/*", "rm -f /tmp/*", "> /tmp/a/b", "find /tmp -name x -delete", "rm -rf /tmp/",
     "rsync -a --delete a/ /tmp/x/", "rm -rf /tmp/x*", "shred /tmp/x/y", "rm -rf /tmp/x /srv/y", "rm -rf /tmp/$x",
     "rm -rf /tmp/../srv"],
)  # fmt: skip
def test_everything_in_a_temporary_folder_is_somebodys(text: str) -> None:
    """What takes all that lies in the machine's temporary folder, or what nobody named, is no litter."""
    action = worst(text)
    assert action.effect in {Effect.DESTRUCTIVE, Effect.UNKNOWN}
    assert action.environment == UNRESOLVED
    assert not action.attributes.get("scratch")


@pytest.mark.parametrize(
    "text",
    ["rm -rf /tmp/x", "rm -r /tmp/x/y", "rm -f /tmp/a/b", "find /tmp/x -delete", "cd /tmp && rm -rf x",
     "rm -rf $TMPDIR/junk", "rm -rf /var/tmp/x"],
)  # fmt: skip
def test_a_named_temporary_folder_is_asked(text: str) -> None:
    """Nobody may count on a temporary file: losing one destroys nothing. Whose it is nobody knows: it is asked."""
    action = worst(text)
    assert (action.effect, action.environment) == (Effect.WRITE, UNRESOLVED)
    assert action.attributes["temporary"]
    assert not action.attributes.get("scratch")


def test_a_workspace_in_a_temporary_folder_is_none() -> None:
    """A checkout below /tmp is kept for good, and so is what stands above it."""
    checkout = "/tmp/checkout"  # noqa: S108 - a name to judge by; nothing is there
    context = replace(shipped_context(), workspace=checkout, cwd=checkout)
    for text in ("rm -rf /tmp/checkout/src", "rm -rf /tmp/checkout", "rm -rf ../checkout"):
        assert actions_of_input("shell", text, context)[0].effect is Effect.DESTRUCTIVE


@pytest.mark.parametrize(
    "text", ["mv /tmp/x /srv/y", "mv /tmp/x .", "cp -r src /tmp/x", "bash /tmp/x.sh", "tar xf a.tar -C /tmp/x"]
)
def test_moving_filling_and_running_scratch_is_asked(text: str) -> None:
    """A move may take a folder, a copy may fill one, and code in a scratch folder is nobody's code."""
    assert UNRESOLVED in {action.environment for action in actions_of_input("shell", text, shipped_context())}


def test_a_team_may_say_that_a_folder_is_litter() -> None:
    """A `/**` row makes everything below a folder scratch, recursive removal too, and never the folder itself."""
    context = context_with('scratch = ["/tmp/build/**"]')
    assert actions_of_input("shell", "rm -rf /tmp/build/x", context)[0].effects == (Effect.WRITE,)
    assert actions_of_input("shell", "rm -rf /tmp/build", context)[0].environment == UNRESOLVED
    assert actions_of_input("shell", "rm -rf /tmp/build/*", context)[0].effect is Effect.DESTRUCTIVE


def test_two_environments_are_two_actions() -> None:
    """A command that touches two environments is judged in both."""
    context = context_with('[[environment]]\nname = "production"\npaths = ["/srv/prod/**"]\n')
    actions = actions_of_input("shell", "rm -rf build /srv/prod/db /srv/x", context)
    assert {action.environment for action in actions} == {LOCAL, "production", UNRESOLVED}


def test_a_row_claims_a_folder_inside_the_workspace() -> None:
    """A mount below the workspace that a row names is not local."""
    context = context_with('[[environment]]\nname = "production"\npaths = ["/home/dev/app/mnt/**"]\n')
    action = actions_of_input("shell", "rm -rf mnt/db", context)[0]
    assert (action.environment, action.inside_workspace) == ("production", False)


@pytest.mark.parametrize(
    ("text", "remote", "branch"),
    [
        ("git push --force origin main", "origin", "main"),
        ("git push origin +feature:main", "origin", "main"),
        ("git push origin :main", "origin", "main"),
        ("git push -f upstream HEAD:refs/heads/release", "upstream", "release"),
    ],
)
def test_pushes_name_their_branch(text: str, remote: str, branch: str) -> None:
    """A force-push says which branch of which remote loses commits."""
    action = worst(text)
    assert action.effect is Effect.DESTRUCTIVE
    assert action.resource == f"branch:{remote}/{branch}"
    assert f"`{branch}` on `{remote}`" in action.summary


def test_git_remotes_have_environments() -> None:
    """A row may claim a branch of a remote."""
    context = context_with('[[environment]]\nname = "production"\ngit_remotes = ["origin/main"]\n')
    assert actions_of_input("shell", "git push origin main", context)[0].environment == "production"
    assert actions_of_input("shell", "git push origin x", context)[0].environment == UNRESOLVED


def test_other_machines_are_never_the_workspace() -> None:
    """What runs over ssh, in a container or a pod touches no local file."""
    for text in ("ssh prod rm -rf /home/dev/app/x", "docker exec c rm /home/dev/app/x", "kubectl exec p -- rm x"):
        action = worst(text)
        assert action.environment == UNRESOLVED
        assert action.inside_workspace is False
        assert action.attributes["machine"]


def test_kubernetes_contexts_have_environments() -> None:
    """`kubectl` lands where its context or namespace says; conflicting claims land nowhere."""
    first = '[[environment]]\nname = "production"\nkube_contexts = ["prod-*"]\n'
    context = context_with(first + '[[environment]]\nname = "dev"\nkube_namespaces = ["dev"]\n')
    assert (
        actions_of_input("shell", "kubectl --context prod-eu delete ns x", context)[0].environment == "production"
    )
    both = actions_of_input("shell", "kubectl --context prod-eu -n dev delete pod x", context)
    assert both[0].environment == UNRESOLVED
    inside = actions_of_input("shell", "kubectl --context prod-eu exec p -- rm -rf /data", context)
    assert inside[0].environment == "production"


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("kubectl delete namespace payments", "kubernetes:namespace payments"),
        ("kubectl -n prod delete deploy/web", "kubernetes:deploy/web"),
        ("kubectl delete secret/api-key", "kubernetes:secret/api-key"),
        ("kubectl delete -f all.yaml", "kubernetes:kubectl delete -f all.yaml"),
    ],
)
def test_what_a_cluster_loses_has_the_name_that_is_typed(text: str, resource: str) -> None:
    """Whoever must type the resource types what goes, as it was written, not the program's name."""
    assert worst(text).resource == resource


def test_reach_names_what_is_touched() -> None:
    """Paths, programs, addresses and signals that the guard compares with its own are filled in."""
    assert "/etc/stayhand/keys" in worst("cat /etc/stayhand/keys").reach.paths
    assert "/etc/stayhand" in worst("rm -rf /etc/stayhand").reach.trees
    assert worst("sudo stayhand policy load").reach.programs == ("stayhand policy load",)
    assert "python -m firewall policy load" in worst("python -m firewall policy load").reach.programs
    assert worst("kill -9 4711").reach.signals == ("4711",)
    assert worst("kill $PID").reach.signals == ("*",)
    assert worst("curl http://localhost:8788/approvals").reach.addresses == ("localhost:8788/approvals",)
    assert "bash -c 'x'".replace("'", "") in worst("bash -c 'x'").reach.programs


def test_files_that_run_are_bound() -> None:
    """A script that a command runs is named, so that its content can be bound."""
    assert worst("bash scripts/deploy.sh").files == ("/home/dev/app/scripts/deploy.sh",)
    assert worst("./run.sh").files == ("/home/dev/app/run.sh",)


@pytest.mark.parametrize(
    "path",
    [".git/hooks/pre-commit", ".claude/settings.json", "~/.bashrc", ".vscode/tasks.json",
     ".github/workflows/ci.yml", "~/.ssh/authorized_keys", ".envrc", ".npmrc", ".mcp.json", "/etc/sudoers"],
)  # fmt: skip
def test_configuration_is_privilege_wherever_it_lies(path: str) -> None:
    """Writing what agents, hooks, shells, editors, CI or access are configured by changes rights."""
    for text in (f"echo x > {path}", f"echo x >> {path}", f"cp a {path}", f"tee {path}", f"sed -i s/a/b/ {path}"):
        assert Effect.PRIVILEGE in worst(text).effects, text


@pytest.mark.parametrize(
    "path", [".env", "~/.aws/credentials", "~/.ssh/id_rsa", "key.pem", "~/.netrc", "~/.kube/config"]
)
def test_credential_files_are_secret(path: str) -> None:
    """Reading a credential file is secret, listing it is not."""
    for text in (f"cat {path}", f"grep x {path}", f"cp {path} x", f"base64 {path}"):
        assert Effect.SECRET in worst(text).effects, text
    assert worst(f"ls {path}").effect is Effect.READ


def test_depth_and_work_are_capped() -> None:
    """What is nested or long beyond the caps is unknown, in bounded time."""
    deep = "rm x"
    for _ in range(12):
        deep = "bash -c " + "'" + deep.replace("'", "'\\''") + "'"
    assert Effect.UNKNOWN in {
        effect
        for action in actions_of_input("shell", deep[:20_000], shipped_context())
        for effect in action.effects
    }
    assert Effect.UNKNOWN in {
        effect
        for action in actions_of_input("shell", "true;" * 5000, shipped_context())
        for effect in action.effects
    }
    assert actions_of_input("shell", "(" * 5000 + ")" * 5000, shipped_context())


@pytest.mark.parametrize(
    "text",
    [
        "HOME=/srv; rm -rf ~/app/data",
        "CDPATH=/srv; cd data && rm -rf x",
        "alias rm=ls; rm -rf /srv",
        "rm() { ls; }; rm -rf /srv",
        "false && rm() { ls; }; rm -rf /srv",
        "f() { x=rm; }; x=ls; f; $x -rf /srv",
        "echo() { printf rm; }; $(echo ls) -rf /srv",
        "x=ls; read -a x; $x -rf /srv",
        "x=ls; for i in $(seq 9); do $x -rf /srv; x=rm; done",
        "x=ls; while read y; do $x -rf /srv; x=rm; done",
        "x=ls; for ((i=0; i<2; i++)); do $x -rf /srv; x=rm; done",
        "x=ls; if test -f y; then x=rm; fi; $x -rf /srv",
        "x=ls; true && x=rm; $x -rf /srv",
        "x=ls; x+=x; $x -rf /srv",
        "PATH=/tmp/bin:$PATH; ls",
        "((rm -rf /srv))",
    ],
)
def test_a_shells_state_hides_nothing(text: str) -> None:
    """What earlier parts of a line change is followed, or what depends on it is unknown or outside."""
    strict = worst(text)
    assert strict.effect in (Effect.DESTRUCTIVE, Effect.UNKNOWN, Effect.EXEC)
    assert strict.inside_workspace is False


@pytest.mark.parametrize("workspace", ["/tmp/app", "/srv/build/app", "/home/dev/dist", "/data/target/out/app"])  # noqa: S108 - names only
def test_where_a_workspace_lies_makes_nothing_in_it_litter(workspace: str) -> None:
    """Folders above the workspace that are named like build output do not make its own files regenerable."""
    context = replace(shipped_context(), workspace=workspace)
    for text in ("find . -name '*.bak' -delete", "rm -rf src", "git ls-files | xargs rm"):
        actions = actions_of_input("shell", text, context)
        assert any(Effect.DESTRUCTIVE in action.effects for action in actions), text
    (litter,) = actions_of_input("shell", "rm -rf node_modules build", context)
    assert litter.effects == (Effect.WRITE,)
    assert litter.attributes["regenerable"] is True
