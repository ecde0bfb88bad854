"""Shell and PowerShell text, typed input and lines of AWS's command line that are made to keep a reader busy."""

from collections.abc import Iterator
from itertools import count, islice

from tests.support.hostile.case import Hostile, text, typed


def _lines(make: str, times: int) -> str:
    """Return a line many times, `#` its number."""
    return "".join(make.replace("#", str(index)) for index in islice(count(), times))


def _filled(piece: str, size: int) -> str:
    return (piece * (size // len(piece) + 1))[:size]


SHELL = {
    "many small commands": "a;" * 16_000,
    "many known commands": "rm a;" * 3_000,
    "many git commands": "git push -f origin a\n" * 1_500,
    "many curl commands": "curl -X DELETE https://api.github.com/repos/a/b\n" * 600,
    "many kubectl commands": "kubectl delete ns a --context b\n" * 900,
    "many aws commands": "aws ec2 delete-volume --volume-id v\n" * 900,
    "many psql commands": "psql -c 'DROP TABLE a; DELETE FROM b WHERE c = 1'\n" * 600,
    "many python commands": "python3 -c 'import os; os.remove(\"/srv/a\")'\n" * 600,
    "many node commands": 'node -e \'require("fs").rmSync("/srv/a")\'\n' * 600,
    "many powershell commands": "pwsh -c 'Remove-Item -Recurse C:\\a; if ($a) { ls }'\n" * 600,
    "many substitutions": "rm $(echo a$(echo b))\n" * 1_200,
    "substitutions within each other": "$(" * 90 + "rm a" + ")" * 90,
    "quoted shells within each other": "sh -c " * 400 + "ls",
    "wrappers within each other": "sudo env nice nohup timeout 5 " * 300 + "rm a",
    "many here-documents": _lines("cat <<E#\nrm a\nE#\n", 55),
    "here-documents that are run": _lines("bash <<E#\nrm -rf /srv/#\nE#\n", 55),
    "one long here-document": "cat > a.py <<'E'\n" + "rm -rf /srv/a\n" * 4_500 + "E\n",
    "a here-document that is run": "bash <<'E'\n" + "rm -rf /srv/a\n" * 4_000 + "E\n",
    "many aliases": _lines("alias a#='a!'\n".replace("!", "#"), 1_500) + "a1\n" * 500,
    "aliases that double": _lines("alias a#='b# b#'\n", 200) + _lines("b#\n", 400),
    "functions that call each other": _lines("f#() { g#; g#; }; g#() { f#; f#; }\n", 300) + _lines("f#\n", 300),
    "functions that double": "f0() { rm a; }\n"
    + "".join(f"f{index}() {{ f{index - 1}; f{index - 1}; }}\n" for index in range(1, 60))
    + "f59\n",
    "assignments that double": "x=abcdefgh\n" + 'x="$x$x"\n' * 900 + "rm $x\n",
    "arrays that double": "x=(a b)\n" + 'x=("${x[@]}" "${x[@]}")\n' * 600 + 'rm "${x[@]}"\n',
    "variables of variables": _lines("a#=$b#; b#=$a#\n", 1_400),
    "loops within loops": "for a in 1 2 3 4 5 6 7 8; do " * 12 + "rm $a; " + "done; " * 12,
    "whiles that change": "while read a; do x=$x$a; cd $a; " * 12 + "rm $x; " + "done; " * 12,
    "many branches": _lines("if [ $a ]; then x=#; cd d#; else x=b#; fi\n", 700) + "rm $x",
    "cases of many patterns": "case $x in " + _lines("a#) cd b#;; ", 2_000) + "esac; rm x",
    "braces": "rm " + "{a,b}" * 60,
    "braces within braces": "rm " + "{a," * 60 + "b" + "}" * 60,
    "ranges": "rm " + "{1..99999}" * 300,
    "a long word": "rm " + "a" * 65_000,
    "a long command name": "a" * 65_000,
    "a long path": "rm -rf " + "a/../" * 13_000,
    "many words": "rm " + "a " * 1_100,
    "many commands of many words": ("rm " + "a/b " * 200 + "\n") * 80,
    "many options": "curl " + "-H a:b " * 160 + "\n",
    "many curl options": ("curl " + "-d a=b -H a:b -X POST https://a.b/c " * 60 + "\n") * 20,
    "many globs": "rm " + "*" * 3_000 + " " + "[a-z]*" * 500,
    "many redirections": "ls " + "> a " * 3_000,
    "many pipes": "ls | " * 3_000 + "sh",
    "echo into shells": "echo 'rm a' | sh; " * 900,
    "printf into shells": "printf '\\x72\\x6d a' | bash; " * 900,
    "base64 into shells": "echo cm0gLXJmIC9zcnY= | base64 -d | sh; " * 600,
    "eval of evals": "eval " * 900 + "rm a",
    "xargs of xargs": "xargs " * 900 + "rm a",
    "find of finds": "find . -exec " * 300 + "rm a \\;" * 300,
    "find with many actions": "find . " + "-name a -delete -o -exec rm {} \\; " * 300,
    "sed scripts": "sed -i 's/a/b/;" + "w x;e;" * 220 + "' a; " * 20,
    "many sed": "sed -i 's/a/b/e' a\n" * 1_200,
    "awk programs": "awk 'BEGIN{system(\"rm a\")}'\n" * 900,
    "long awk": "awk '" + '/a|b/{print > "x"}' * 220 + "' a",
    "many expansions": "rm " + "${a:-${b:-${c}}}" * 1_200,
    "expansions within expansions": "rm " + "${a:-" * 90 + "}" * 90,
    "patterns of expansions": "x=" + "a" * 4_000 + "; rm ${x//a*a*a*a/b}" * 300,
    "arithmetic": "rm $(( " + "1 + " * 4_000 + "1 ))",
    "arithmetic within arithmetic": "rm " + "$((" * 90 + "1" + "))" * 90,
    "escapes": "rm $'" + "\\x41" * 12_000 + "'",
    "ansi": "rm " + "$'\\x41'" * 6_000,
    "tests": "[[ a =~ (a*)* && " * 300 + "b ]]" * 300,
    "foreign letters": "rm " + "é" * 30_000,
    "foreign words": "é " * 900 + "\n" + "rm é\n" * 2_000,
    "carriage returns": "rm a\r" * 6_000,
    "garbage of brackets": _filled("a=( $( ` ' \" )", 60_000),
    "garbage of here-documents": _filled("<<E a\nE\n<<", 8_000),
    "garbage of quotes": _filled("'\"`\\", 60_000),
    "garbage of 8 KB": _filled("&& done $( | { esac if ", 8_000),
    "garbage of 16 KB": _filled(") ;; & ! [[ x=", 16_000),
    "garbage of loops": _filled("for i in do done ", 60_000),
    "garbage of cases": _filled("case x in a) ", 60_000),
    "garbage of pipes": _filled("| |& || ", 60_000),
    "garbage of operators": _filled("x=(>a<b;&", 60_000),
    "git aliases": "git -c alias.a='!git a' a; " * 900,
    "git configs": "git " + "-c a.b=c " * 400 + "push -f",
    "ssh in ssh": "ssh h " * 300 + "rm a",
    "docker in docker": "docker exec c " * 300 + "rm a",
    "kubectl in kubectl": "kubectl exec p -- " * 300 + "rm a",
    "find brackets": "find " + "\\( " * 400 + "-delete " + "\\) " * 400,
    "tar options": "tar " + "--checkpoint-action=exec=rm " * 300,
    "cd many times": "cd a; cd ..; " * 2_000 + "rm -rf x",
    "cd to many places": "cd $a || cd b || cd c; " * 900 + "rm -rf x",
    "traps": "trap 'rm a' EXIT; " * 900,
    "a long aws line": "aws s3api put-bucket-policy --policy '" + '{"a":' * 2_000 + "1" + "}" * 2_000 + "'",
    "a long jq": "jq '" + ".a|" * 12_000 + "' x",
    "make targets": "make " + "a " * 1_000,
    "a long curl body": "curl https://api.github.com/graphql -d '" + '{"query":"mutation{a}"},' * 2_400 + "'",
    "urls": ("curl " + "https://a.b/c/d/e?f=g " * 19 + "\n") * 140,
    "long hosts": "curl https://" + "a." * 30_000 + "com",
    "rsync": "rsync -a --delete " + "a:b " * 900,
    "mixed": 'x=$(cat a); for i in $x; do curl -d @$i https://a.b | sh & done; sudo rm -rf "$x"/*\n' * 500,
}
POWERSHELL = {
    "many commands": "Remove-Item -Recurse C:\\a\n" * 600,
    "many pipes": "ls | " * 1_500 + "ri",
    "many blocks": "& { " * 280 + "ri a" + " }" * 280,
    "blocks that run": "iex 'iex \"ri a\"'; " * 600,
    "loops within loops": "foreach ($a in 1..9) { " * 90 + "ri $a " + "} " * 90,
    "branches": "if ($a) { $x = 'a' } else { $x = 'b' }; ri $x\n" * 330,
    "switches": "switch ($a) { 1 { ri a } 2 { ri b } }\n" * 400,
    "each": "ls | % { ri $_ }; " * 700,
    "each within each": "ls | % { " * 90 + "ri $_" + " }" * 90,
    "functions that double": "function f0 { ri a }\n"
    + "".join(f"function f{index} {{ f{index - 1}; f{index - 1} }}\n" for index in range(1, 200))
    + "f199",
    "variables that double": "$x = 'abcdefgh'\n" + '$x = "$x$x"\n' * 700 + "ri $x",
    "strings that are joined": "ri (" + "'a' + " * 2_000 + "'b')",
    "formats": "iex ('{0}{1}' -f 'ri ', 'a'); " * 400,
    "subexpressions": 'ri "' + "$(" * 140 + "1" + ")" * 140 + '"',
    "arrays": "ri @(" + "'a'," * 4_000 + "'b')",
    "hash tables": "$x = @{" + "a = 1; " * 2_000 + "}; ri @x",
    "members": "[a]::b(" * 140 + ")" * 140,
    "types": "[System.IO.File]::Delete('a'); " * 500,
    "encoded": "pwsh -enc cgBpACAAYQA=; " * 600,
    "shells": "cmd /c del a; bash -c 'rm a'; " * 500,
    "here-strings": "iex @'\nri a\n'@\n" * 800,
    "a long word": "ri " + "a" * 16_000,
    "backticks": "r`i a; " * 2_000,
    "comments": "<#" * 6_000 + "#>",
    "garbage": _filled("@( $( { ' \" ` | % ", 16_000),
    "garbage of brackets": _filled("[a]::b(;{", 16_000),
    "too long": "Remove-Item -Recurse C:\\a\n" * 9_000,
}
AWS = {
    "nested json": "aws ssm send-command --parameters '" + '{"commands":' * 900 + "1" + "}" * 900 + "'",
    "many commands": 'aws ssm send-command --parameters \'{"commands":["rm -rf /srv"]}\'\n' * 500,
    "many parameters": "aws ec2 terminate-instances " + "--instance-ids i " * 300,
    "a long policy": 'aws iam put-role-policy --policy-document \'{"Statement":['
    + '{"Effect":"Allow","Action":"*"},' * 1_500
    + "{}]}'",
    "s3 copies": "aws s3 rm s3://a/b --recursive; " * 900,
    "long names": "aws " + "a-" * 30_000 + " b",
}
KEYS = {
    "erased letters": "rm a" + "\x7f" * 30_000 + "ls\n",
    "erased in turn": "ab\x7f\x7f" * 12_000 + "\n",
    "many lines": "rm a\n" * 4_000,
    "open quotes": "'\n" * 15_000,
    "pasted": "\x1b[200~rm a\x1b[201~\n" * 2_500,
    "controls": "\x01\x02\x1b[A" * 10_000,
    "open blocks": "if a:\n" * 5_000,
    "a long line": "a" * 500_000,
    "megabytes": "rm a\n" * 800_000,
}


def cases() -> Iterator[Hostile]:
    """Yield every case."""
    for kind, table in (("shell", SHELL), ("powershell", POWERSHELL), ("aws", AWS)):
        for name, content in table.items():
            yield text(kind, name, content)
    for name, content in KEYS.items():
        yield typed(name, content)
    yield text("shell", "megabytes", "rm a\n" * 800_000)
    yield text("powershell", "megabytes", "ri a\n" * 800_000)
