"""Texts that look like each kind: pieces of its grammar in any order, nested, repeated, and cut anywhere."""

import json

from hypothesis import strategies as st

_BAR = "\u00a6"


def _pieces(text: str) -> tuple[str, ...]:
    """Split at broken bars, which no piece holds."""
    return tuple(text.split(_BAR))


PIECES: dict[str, tuple[str, ...]] = {
    "shell": _pieces(
        "rm ¦-rf ¦/srv ¦$x ¦x=1 ¦x=(¦git push ¦-f ¦| ¦&& ¦; ¦\n¦sh -c ¦'¦\"¦$(¦)¦`¦<<E\n¦E\n¦<<<¦{¦}¦"
        "for i in ¦do ¦done ¦if ¦then ¦fi ¦case x in ¦esac ¦;;¦> ¦>> ¦< ¦<(¦[[ ¦]] ¦((¦))¦xargs ¦"
        "find . -exec ¦eval ¦sudo ¦ssh h ¦docker exec c ¦python3 -c ¦psql -c ¦curl -d @x ¦${x:-¦$'\\x41'¦*¦"
        "~¦..¦é¦\u202e¦\x00¦\\¦f() ¦a[¦=~ ¦# ¦{a,b}¦!¦é@¦?¦&>¦function f{"
    ),
    "sql": _pieces(
        "SELECT ¦a¦, ¦FROM t ¦WHERE ¦x = 1 ¦DELETE FROM ¦DROP TABLE ¦UPDATE t SET ¦INSERT INTO t VALUES ¦(¦"
        ")¦;¦'¦\"¦$$¦$a$¦--¦/*¦*/¦/*!50000 ¦WITH d AS (¦UNION ¦EXPLAIN ANALYZE ¦DO ¦BEGIN ¦END ¦EXECUTE ¦"
        "PREPARE p AS ¦\\! ¦\\i f\n¦\n¦E'\\'¦[¦]¦`¦::int¦CASE WHEN ¦MERGE INTO ¦CREATE OR REPLACE ¦"
        "COPY t FROM PROGRAM ¦é¦\x00¦1e999¦@x¦${x}¦{{x}}"
    ),
    "graphql": _pieces(
        'query ¦mutation ¦{¦}¦a¦volumeDelete¦(¦)¦id: "v"¦x: $x¦...F ¦fragment F on Mutation ¦... on A ¦'
        '@skip(if: true) ¦#c\n¦"""¦"¦[¦]¦b: ¦$x: ID = 1¦subscription ¦\\u0041¦é¦\x00¦,¦&¦|¦'
        "extend type A "
    ),
    "javascript": _pieces(
        "require('fs')¦.rmSync(¦'/srv'¦(¦)¦{¦}¦[¦]¦`¦${¦=>¦await ¦const a = ¦eval(¦new Function(¦import(¦"
        "//c\n¦/*¦*/¦;¦tools.exec_command({cmd: ¦'rm -rf x'¦a¦.b¦['c']¦?.¦...¦async ¦function f() ¦if (a) ¦"
        "for (;;) ¦class A ¦/re/¦\\u0061¦é¦\x00¦<div>¦+¦1n"
    ),
    "python": _pieces(
        "import os¦os.remove¦(¦)¦'/srv'¦\n¦    ¦[¦]¦{¦}¦f'{x}'¦lambda: ¦exec(¦getattr(¦__import__('os')¦"
        "subprocess.run(¦['rm', 'x']¦def f():¦a¦.b¦ = ¦if a:¦for x in y:¦\\¦'''¦#c¦é¦\x00¦await ¦*¦**¦1_0¦"
        "0x¦match x:¦case _:¦@d¦;¦\t"
    ),
    "powershell": _pieces(
        "Remove-Item ¦-Recurse ¦C:\\x ¦$a¦| ¦; ¦{¦}¦(¦)¦@(¦$(¦iex ¦& ¦'¦\"¦`¦-enc ¦@'\n¦\n'@¦#c\n¦<#¦#>¦"
        "[a]::b(¦é¦\x00¦% ¦? ¦-a:b "
    ),
    "patch": _pieces(
        "*** Begin Patch\n¦*** End Patch\n¦*** Add File: a\n¦*** Delete File: ../b\n¦*** Update File: c\n¦"
        "*** Move to: d\n¦@@\n¦+x\n¦-y\n¦ z\n¦--- a/x\n¦+++ b/x\n¦diff --git a/x b/x\n¦"
        "new file mode 120000\n¦deleted file mode 100644\n¦rename to y\n¦+++ /dev/null\n¦\x00¦é\n¦\r\n¦"
        "GIT binary patch\n"
    ),
}

_texts = {kind: st.lists(st.sampled_from(pieces), max_size=24).map("".join) for kind, pieces in PIECES.items()}
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | _texts["shell"]
    | _texts["sql"],
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
_hosts = st.sampled_from(
    [
        "api.github.com",
        "backboard.railway.app",
        "a.com",
        "k8s.local:6443",
        "s3.amazonaws.com",
        "",
        "[::1]",
        "é.com",
        "a@b",
    ]
)
_paths = st.lists(
    st.sampled_from(
        [
            "/",
            "v1",
            "api",
            "graphql",
            "repos",
            "..",
            "%2e",
            "?a=b",
            "#x",
            "delete",
            "{x}",
            "é",
            ":batch",
            "\\",
            " ",
        ]
    )
).map("/".join)
_http = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "DELETE", "PATCH", "get", "", "X Y"]),
        "url": st.builds(
            "{}{}/{}".format, st.sampled_from(["https://", "http://", "ftp://", "//", ""]), _hosts, _paths
        ),
        "headers": st.dictionaries(
            st.sampled_from(["Content-Type", "X-Amz-Target", "Authorization", "é"]), _texts["sql"], max_size=2
        )
        | _json,
        "body": _json | _texts["graphql"],
    }
).map(json.dumps)
_graphql = st.fixed_dictionaries(
    {"endpoint": st.builds("https://{}/{}".format, _hosts, _paths), "query": _texts["graphql"], "variables": _json}
).map(json.dumps)
_mcp = st.fixed_dictionaries(
    {
        "server": st.sampled_from(["github", "db", "", "é"]),
        "tool": st.sampled_from(["delete_file", "run_sql", "exec", "get", "", "a b", "é"]),
        "description": _texts["sql"],
        "arguments": _json,
        "annotations": _json,
    }
).map(json.dumps)
_aws = st.lists(
    st.sampled_from(
        _pieces(
            "aws \u00a6s3 \u00a6rm \u00a6ec2 \u00a6delete-volume \u00a6--profile p \u00a6--dry-run \u00a6file://x "
            "\u00a6--cli-input-json '\u00a6{\u00a6ssm send-command \u00a6s3://b \u00a6--query x \u00a6' \u00a6$x "
        )
    ),
    max_size=12,
).map("".join)


def _cut(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return the texts, some of them cut short, repeated, or inside quotes of a shell."""
    return st.one_of(
        texts,
        st.builds(lambda text, at: text[: at % (len(text) + 1)], texts, st.integers(0, 500)),
        st.builds(lambda text, times: text * times, texts, st.integers(2, 40)),
    )


KINDS: dict[str, st.SearchStrategy[str]] = {
    **{kind: _cut(texts) for kind, texts in _texts.items()},
    "graphql": _cut(_texts["graphql"]) | _graphql,
    "http": _cut(_http),
    "mcp": _cut(_mcp),
    "aws": _cut(_aws),
}
