"""Losses hidden in how options are written: shortened names, git's refspecs, curl's many forms and its files."""

from itertools import product

import pytest

from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect
from tests.support.understanding import shipped_context

MILD = {Effect.READ, Effect.WRITE}

# The shortest beginning that the program takes for the option, and the option.
_SHORTENED = (
    ("git reset {} HEAD~3", "--h", "--hard"),
    ("git push {} origin main", "--forc", "--force"),
    ("git push {} origin main", "--force-w", "--force-with-lease"),
    ("git push {} origin", "--mi", "--mirror"),
    ("git push {} origin topic", "--del", "--delete"),
    ("git push {} origin", "--pru", "--prune"),
    ("git clean {}", "--fo", "--force"),
    ("git checkout {} main", "--forc", "--force"),
    ("git branch --delete {} topic", "--forc", "--force"),
    ("git worktree remove {} ../topic", "--fo", "--force"),
    ("git stash push && git gc {}", "--prune=n", "--prune=now"),
    ("rm {} /srv/data", "--r", "--recursive"),
    ("rsync -a {} empty/ /srv/data/", "--dele", "--delete-excluded"),
    ("tar cf a.tar {} /srv/data", "--remove-f", "--remove-files"),
    ("truncate {} /srv/data.db", "--s=0", "--size=0"),
    ("shred {} /srv/data.db", "--r", "--remove"),
    ("psql {}'DROP TABLE users'", "--com=", "--command="),
    ("mysql {}'DROP TABLE users'", "--exec=", "--execute="),
    ("curl {} DELETE https://api.example.com/v1/volumes/7", "--req", "--request"),
    ("wget {}=DELETE https://api.example.com/v1/volumes/7", "--meth", "--method"),
    ("chmod {} 777 /srv", "--rec", "--recursive"),
)


def _beginnings() -> list[str]:
    found = []
    for template, shortest, whole in _SHORTENED:
        tail = "=" + whole.partition("=")[2] if "=" in whole else ""
        name, least = whole.partition("=")[0], shortest.partition("=")[0]
        found += [template.format(name[:length] + tail) for length in range(len(least), len(name) + 1)]
    return found


_PUSHED = r"""
+main
+main:main
+HEAD:main
:main
+refs/heads/main
+refs/heads/*:refs/heads/*
+:
:refs/tags/v1
+HEAD:refs/heads/main
+abc123:main
main +topic
topic :main
tag v1 :old
'+main'
"+"main
$'+main'
\+main
+ma{in,ster}
${x:-+main}
+$b
$(echo +main)
""".strip().splitlines()
_PUSHES = (
    "git push origin {}",
    "git push -u origin {}",
    "git -C ../shop push origin {}",
    "git push --no-verify origin {}",
    "git push -- origin {}",
    "command git push origin {}",
    "git --git-dir=.git push https://github.com/acme/shop {}",
)

_CURL = "https://api.example.com/v1/volumes/7"
_METHODS = r"""
-X DELETE URL
-XDELETE URL
-sXDELETE URL
-fsSLX DELETE URL
--request DELETE URL
--request=DELETE URL
URL -X DELETE
-X 'DELETE' URL
-X "DEL""ETE" URL
-X $'DELETE' URL
-X DEL\ETE URL
-X delete URL
-X {DELETE,GET} URL
-o /dev/null -X DELETE URL
-G -d a=1 -X DELETE URL
--url URL -X DELETE
--url=URL -XDELETE
-X GET -X DELETE URL
https://example.com --next -X DELETE URL
https://example.com -: -X DELETE URL
-X DELETE URL https://example.com
-H 'X-HTTP-Method-Override: DELETE' -X POST URL
-H'X-Http-Method: DELETE' -d '' URL
-X DELETE "URL"
-X DELETE ${h:-URL}
--proxy http://p:8080 -X DELETE URL
--resolve a:443:1.2.3.4 -X DELETE URL
--json '{}' -X DELETE URL
-IX DELETE URL
""".strip().splitlines()
_FILES = r"""
-K cfg
-Kcfg
-sK cfg
--config cfg
--config=cfg
-K - < cfg
-K -
--conf cfg
-K /dev/stdin < cfg
-K <(cat cfg)
URL -K cfg
-K ~/.curl
-K $cfg
-K .curlrc URL
-d @body URL
--data-binary @body URL
--data @- URL < body
-T body URL
-F f=@body URL
--json @body URL
--upload-file body URL
$args
$@ URL
-X $m URL
"${a[@]}"
-X `cat m` URL
-K <(echo 'request = DELETE') URL
-K <(printf 'url = URL\nrequest = DELETE\n')
-K - <<< 'request = DELETE' URL
""".strip().splitlines()


def _effects(line: str) -> set[Effect]:
    return {effect for action in actions_of_input("shell", line, shipped_context()) for effect in action.effects}


@pytest.mark.parametrize(
    "lines",
    [
        _beginnings(),
        [push.format(spec) for push, spec in product(_PUSHES, _PUSHED)],
        [f"curl {form.replace('URL', _CURL)}" for form in _METHODS],
        [f"curl {form.replace('URL', _CURL)}" for form in _FILES],
    ],
    ids=["shortened options", "refspecs", "curl's options", "curl's files"],
)
def test_no_spelling_of_an_option_reads_as_mild(lines: list[str]) -> None:
    """Each family has more than ten spellings; none is nothing but reads and writes."""
    assert len(set(lines)) > 10
    assert [line for line in lines if _effects(line) <= MILD] == []
