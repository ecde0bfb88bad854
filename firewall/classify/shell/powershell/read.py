"""PowerShell: every command, call into .NET and redirection of a text, judged by the catalogue.

The tree is not followed as it runs: INVARIANT: every command that stands in it is judged, wherever it stands,
with nothing known but constants; a text that does not parse is `unknown` whatever else is found.
"""

import re
from dataclasses import replace

from tree_sitter import Node

from firewall.classify.decode import from_base64
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.names import effects_of_names
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish
from firewall.classify.shell.code import run_path
from firewall.classify.shell.command import run, run_program
from firewall.classify.shell.powershell.dotnet import PLAIN_MEMBERS, call
from firewall.classify.shell.powershell.tree import Tree, parse
from firewall.classify.shell.powershell.web import request
from firewall.classify.shell.scope import Feed, Scope
from firewall.classify.shell.touches import Touched, spot_of, touch_drafts
from firewall.classify.shell.variables import decides
from firewall.classify.shell.words import Word
from firewall.core.action import LOCAL, UNRESOLVED
from firewall.core.effect import Effect

_CMDLET = re.compile(r"[a-z]+-[a-z][\w]*")
_OWN = frozenset({"iex", "saps", "start", "iwr", "irm", "foreach", "%"})
"""Aliases that are judged here."""
_EVALUATES = frozenset({"invoke-expression", "iex"})
_STARTS = frozenset({"start-process", "saps", "start"})
_REQUEST_OPTIONS = frozenset({"-uri", "-method", "-outfile", "-infile", "-body", "-headers", "-usebasicparsing"})
"""With one of these, `curl` and `wget` are PowerShell's aliases and not the programs."""
_FOR_EACH = frozenset({"foreach-object", "foreach", "%"})
_REQUESTS = frozenset({"invoke-webrequest", "iwr", "invoke-restmethod", "irm"})
_RANGE = re.compile(r"-?\d+\.\.-?\d+")
_SYSTEM = re.compile(r"[a-z]:\\(?:program files(?: \(x86\))?|windows)\\(?:[\w .()-]+\\)*([\w.-]+)", re.IGNORECASE)
"""A program where programs are installed."""
_MOVES = re.compile(r"\b(?:set-location|push-location|pop-location|sl|cd|chdir|pushd|popd)\b", re.IGNORECASE)
"""Changes the working directory somewhere in the text: it then is known nowhere in it."""


def script(analysis: Analysis, source: Source, scope: Scope, depth: int) -> None:
    """Add the actions of PowerShell text."""
    tree = parse(source)
    if tree is None:
        analysis.opaque(source.whole(), "text that is too long or that no shell takes", operation="shell:unread")
        return
    if not any(line.strip() and not line.lstrip().startswith("#") for line in source.text.splitlines()):
        analysis.drafts.append(_quiet(analysis, "does nothing"))
        return
    if tree.root.has_error:
        analysis.opaque(source.whole(), "PowerShell that does not parse", operation="shell:unparsed")
    before = len(analysis.drafts)
    if _MOVES.search(source.text):
        scope = scope.copy()
        scope.move(())
    for node in tree.walk():
        if not analysis.step(tree.span(node) if node.type in _VISITORS else (0, 0)):
            return
        visitor = _VISITORS.get(node.type)
        if visitor is not None:
            visitor(tree, node, scope, analysis, depth)
    if len(analysis.drafts) == before:
        analysis.drafts.append(_quiet(analysis, "computes values"))


def _quiet(analysis: Analysis, summary: str) -> Draft:
    draft = Draft("shell:expression", "none:", effects={Effect.READ}, summary=summary)
    draft.environment = LOCAL if analysis.context.workspace else UNRESOLVED
    draft.inside_workspace = bool(analysis.context.workspace)
    return draft


def _command(tree: Tree, node: Node, scope: Scope, analysis: Analysis, depth: int) -> None:
    name = node.child_by_field_name("command_name")
    if name is None:
        return
    head = tree.word(name)
    operator = next(
        (tree.text(child) for child in node.children if child.type == "command_invokation_operator"), ""
    )
    if not head.known or not head.text:
        why = "the command's name is not known before it runs"
        analysis.opaque(tree.span(node), why, operation="shell:unknown")
        return
    if head.text.startswith("{") or tree.text(name).startswith("{"):
        return
    if head.text.lower() in tree.functions or _RANGE.fullmatch(head.text):
        return
    words = (replace(head, text=_program_name(head.text), glob=False), *_arguments(tree, node))
    if not analysis.afford(len(words), tree.span(node)):
        return
    feed = Feed(exec_label="the pipeline") if _is_fed(node) else None
    command = Command(words, scope, tree.span(node), feed, depth=depth)
    if operator.strip() == "." and not _CMDLET.fullmatch(words[0].text):
        draft = analysis.opaque(tree.span(node), f"runs {shown(head.text)} in this shell", operation="code:run")
        run_path(draft, list(spot_of(words[0], scope).paths), command, analysis, language="powershell")
        return
    _judge(command, analysis)


def _program_name(text: str) -> str:
    installed = _SYSTEM.fullmatch(text)
    text = installed.group(1) if installed is not None else text
    lowered = text.lower().removesuffix(".exe")
    return lowered if _CMDLET.fullmatch(lowered) or "/" not in text else text


def _is_fed(node: Node) -> bool:
    before = node.prev_named_sibling
    return before is not None


def _arguments(tree: Tree, node: Node) -> list[Word]:
    """Return the arguments: parameters without their colon, lists as single words, paths with plain slashes."""
    elements = node.child_by_field_name("command_elements")
    found: list[Word] = []
    for child in elements.named_children if elements is not None else ():
        if child.type in ("command_argument_sep", "redirection"):
            continue
        if child.type == "command_parameter":
            text = tree.text(child).rstrip(":")
            found.append(Word(text, head=text, span=tree.span(child)))
        else:
            words = tree.listed(child)
            before = found[-1:] if found and found[-1].text[:1] == "-" else []
            found += [word for place, word in enumerate(words) for word in (*(before if place else ()), word)]
    return [_slashed(word) for word in found]


def _slashed(word: Word) -> Word:
    if "\\" not in word.text or re.match(r"[A-Za-z]:|\\\\", word.text):
        return word
    text = word.text.replace("\\", "/")
    return replace(word, text=text, head=text if word.known else word.head.replace("\\", "/"))


def _judge(command: Command, analysis: Analysis) -> None:
    """Judge one command: evaluation, requests and started programs here, the rest by rows or by its verb."""
    if not analysis.spend(command.depth, command.span):
        return
    name = command.name
    programs = analysis.context.catalogue.programs
    row = programs.get(f"ps:{name}") or (programs.get(name) if _CMDLET.fullmatch(name) else None)
    lowered = _lowered(command)
    asks = name in _REQUESTS or name in ("curl", "wget")
    if (
        row is not None
        or _CMDLET.fullmatch(name)
        or name in _OWN
        or (asks and _REQUEST_OPTIONS & {word.text for word in lowered.words})
    ):
        _cmdlet(lowered, row, analysis)
    else:
        run(command, analysis)


def _lowered(command: Command) -> Command:
    """Return the command with its parameters in lower case, as cmdlets take them in any."""
    return replace(
        command,
        words=tuple(
            replace(word, text=word.text.lower(), head=word.text.lower())
            if word.known and word.text[:1] == "-"
            else word
            for word in command.words
        ),
    )


def _cmdlet(command: Command, row: Program | None, analysis: Analysis) -> None:
    """Judge a cmdlet or an alias of one."""
    name = command.name
    if name in _EVALUATES:
        _evaluate(command, analysis)
    elif name in _STARTS:
        _start(command, analysis)
    elif name in _FOR_EACH and any(not word.text.startswith(("{", "-")) for word in command.words[1:]):
        _for_each(command, analysis)
    elif name in _REQUESTS or name in ("curl", "wget"):
        request(command, analysis)
    elif row is not None:
        run_program(row, _spelled(command, row), analysis)
    else:
        _by_verb(command, analysis)


def _for_each(command: Command, analysis: Analysis) -> None:
    """`ForEach-Object Delete`: a member of everything in the pipeline."""
    named = [word for word in command.words[1:] if not word.text.startswith(("{", "-"))]
    if named[0].known and named[0].text.lower() in PLAIN_MEMBERS:
        return
    draft = analysis.opaque(command.span, f"calls {shown(named[0].text)} of everything in the pipeline")
    draft.effects |= effects_of_names([named[0].text], analysis.context.catalogue.words) - {Effect.READ}
    finish(draft, command, analysis)


def _spelled(command: Command, program: Program) -> Command:
    """Write abbreviated parameters out, as PowerShell takes them."""
    texts = program.code.text if program.code is not None else ()
    known = sorted(
        {*program.takes, *texts, *(flag for rule in program.rules for flag in (*rule.flag, *rule.exact))}
    )

    def full(word: Word) -> Word:
        if word.text[:1] != "-" or word.text in known:
            return word
        fitting = [name for name in known if name.startswith(word.text)]
        return replace(word, text=fitting[0], head=fitting[0]) if len(word.text) > 1 and fitting else word

    return replace(command, words=(command.words[0], *(full(word) for word in command.words[1:])))


def _by_verb(command: Command, analysis: Analysis) -> None:
    """Judge a cmdlet that has no row by its approved verb and its noun."""
    words = analysis.context.catalogue.words
    found = effects_of_names([command.name], words)
    draft = Draft(f"powershell:{command.name}", f"program:{command.name}", effects=found)
    line = shown(" ".join(word.text for word in command.words))
    if not found:
        draft.effects, draft.unseen = {Effect.UNKNOWN}, [f"what {shown(command.name)} does"]
    if any(word.text == "-whatif" for word in command.words) and Effect.EXEC not in found:
        draft.effects = {Effect.READ}
    draft.summary = f"runs {line}" if draft.effects != {Effect.READ} else f"{line} only reads"
    draft.environment = UNRESOLVED
    draft.point(command.words[0].span, f"runs {shown(command.name)}")
    analysis.drafts.append(draft)
    finish(draft, command, analysis)


def _evaluate(command: Command, analysis: Analysis) -> None:
    words = [word for word in command.words[1:] if word.text != "-command"]
    if not words or not all(word.known for word in words):
        draft = analysis.opaque(command.span, "text that is evaluated and not known before it runs")
        finish(draft, command, analysis)
    text = " ".join(word.text for word in words if word.known)
    if text:
        script(analysis, Source(text, base=None, outer=command.span), command.scope, command.depth + 1)


def _start(command: Command, analysis: Analysis) -> None:
    """`Start-Process FILE -ArgumentList …`: the program, judged as itself."""
    words = [word for word in command.words[1:] if word.text not in ("-filepath", "-argumentlist", "-args")]
    inner = tuple(
        word for word in words if word.text not in ("-wait", "-nonewwindow", "-passthru", "-windowstyle")
    )
    draft = analysis.opaque(command.span, "starts a program", operation="shell:start", effects=(Effect.EXEC,))
    draft.unseen.clear()
    finish(draft, command, analysis)
    if inner and inner[0].known:
        _judge(command.rest((replace(inner[0], text=_program_name(inner[0].text)), *inner[1:])), analysis)
    else:
        draft.effects.add(Effect.UNKNOWN)


def _redirection(tree: Tree, node: Node, scope: Scope, analysis: Analysis, depth: int) -> None:
    text = tree.text(node)
    name = next((child for child in node.named_children if child.type == "redirected_file_name"), None)
    if name is None or re.search(r">\s*(?:&\d|\$null)", text, re.IGNORECASE):
        return
    word = _slashed(tree.word(name.named_children[-1] if name.named_children else name))
    command = Command((Word("redirect", span=tree.span(node)), word), scope, tree.span(node), depth=depth)
    verb = Verb.APPEND if ">>" in text else Verb.OVERWRITE
    for group in touch_drafts([Touched(verb, word)], scope, analysis.context):
        summary = (
            "adds to {path}" if verb is Verb.APPEND else "replaces the content of {path}; what was there is gone"
        )
        add(group, command, analysis, "shell:redirect", summary)


def _assignment(tree: Tree, node: Node, _scope: Scope, analysis: Analysis, _depth: int) -> None:
    left, _, right = tree.text(node).partition("=")
    match = re.fullmatch(r"\$\{?env:(\w+)\}?", left.strip(), re.IGNORECASE)
    value = tree.value(right)
    if match and decides(match.group(1), value, value or "$", analysis.context):
        why = f"sets `{match.group(1)}`, which decides what later programs run or where"
        analysis.opaque(tree.span(node), why, operation="shell:assign")


_SHOWS = re.compile(
    r"(?:write-\w+|echo|write|out-\w+|tee|format-\w+|f[tl]|set-content|add-content|select-object)", re.IGNORECASE
)


def _variable(tree: Tree, node: Node, _scope: Scope, analysis: Analysis, _depth: int) -> None:
    """`$env:TOKEN` by itself, or handed to what prints: shows a credential."""
    match = re.fullmatch(r"\$\{?env:(\w+)\}?", tree.text(node).strip(), re.IGNORECASE)
    variables = analysis.context.catalogue.variables
    if match is None or not variables.secret.fullmatch(match.group(1).upper()) or not _is_shown(tree, node):
        return
    draft = _quiet(analysis, f"shows the environment variable {shown(match.group(1))}")
    draft.operation, draft.resource, draft.effects = "env:read", f"variable:{match.group(1)}", {Effect.SECRET}
    draft.point(tree.span(node), "variables that usually hold credentials")
    analysis.drafts.append(draft)


def _is_shown(tree: Tree, node: Node) -> bool:
    above = node.parent
    while above is not None and above.type not in ("command", "assignment_expression", "invokation_expression"):
        above = above.parent
    if above is None:
        return True
    name = above.child_by_field_name("command_name") if above.type == "command" else None
    return name is not None and _SHOWS.fullmatch(tree.text(name).strip()) is not None


_VISITORS = {
    "command": _command,
    "invokation_expression": call,
    "redirection": _redirection,
    "assignment_expression": _assignment,
    "variable": _variable,
}
_OPTIONS = ("-command", "-c", "-encodedcommand", "-enc", "-ec", "-e", "-file", "-f")
_TAKES = ("-version", "-executionpolicy", "-ep", "-ex", "-windowstyle", "-w", "-outputformat", "-inputformat",
          "-workingdirectory", "-wd", "-configurationname", "-psconsolefile", "-settingsfile")  # fmt: skip


def powershell(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`pwsh -c TEXT`, `powershell -EncodedCommand B64`: the text; a file or the standard input is not seen."""
    words = list(command.words[1:])
    while words:
        word = words.pop(0)
        option = word.text.lower().replace("/", "-", 1) if word.text[:1] in "-/" else ""
        if option in ("-help", "-?", "-h", "--version", "-v") and len(command.words) == 2:
            return False
        if option == "-" and not words:
            break
        if option and not any(name.startswith(option) for name in _OPTIONS):
            words = words[1:] if any(name.startswith(option) for name in _TAKES) else words
            continue
        _given(option or ("-f" if command.name.startswith("pwsh") else "-c"), word, words, command, analysis)
        return True
    feed = command.feed
    if feed is not None and feed.text is not None:
        script(
            analysis,
            feed.source or Source(feed.text, base=None, outer=command.span),
            command.scope,
            command.depth + 1,
        )
        return True
    draft = analysis.opaque(
        command.span, "runs what is typed into it later", effects=(Effect.EXEC, Effect.UNKNOWN)
    )
    finish(draft, command, analysis)
    return True


def _given(option: str, word: Word, rest: list[Word], command: Command, analysis: Analysis) -> None:
    given = rest if word.text.lower().startswith(("-", "/")) else [word, *rest]
    span = (given[0].span[0], given[-1].span[1]) if given else command.span
    if option.startswith("-f"):
        for group in touch_drafts(
            [Touched(Verb.RUN, item) for item in given[:1]], command.scope, analysis.context
        ):
            summary = "runs the file {path} with PowerShell; what it does is not seen here"
            ran = list(group.draft.trees)
            add(group, command, analysis, "code:run", summary)
            run_path(group.draft, ran, command, analysis, language="powershell")
        return
    text = " ".join(item.text for item in given)
    if option.startswith("-e"):
        data = from_base64(text)
        text = data.decode("utf-16-le", "replace") if data is not None else ""
    if not text or text == "-" or not all(item.known for item in given):
        finish(analysis.opaque(span, "PowerShell that is not known before it runs"), command, analysis)
    source = given[0].source if len(given) == 1 and not option.startswith("-e") else None
    before = len(analysis.drafts)
    script(analysis, source or Source(text, base=None, outer=span), command.scope, command.depth + 1)
    for draft in analysis.drafts[before:]:
        for name, value in command.attributes.items():
            draft.attributes.setdefault(name, value)
