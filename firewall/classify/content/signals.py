"""What texts say that are aimed at a model: patterns over plain text in lower case, data only.

Gaps are bounded and hold no end of a sentence, so that work grows with the text alone. A pattern is weighed by what
everyday text does with it: `tests/cases/content` has both kinds, labelled.
"""

import re
from dataclasses import dataclass

from firewall.classify.content.sought import Sought

_END = r"[^.!?\n。]"
_GAP = r"(?:[^.!?\n]|\.(?=\w))"
"""The same, with the dots of names of files."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that texts aimed at models say."""

    name: str
    weight: int
    """Two are enough."""
    words: Sought
    """One of them stands in every text that it is found in: looked for first, since most texts hold none."""
    patterns: tuple[re.Pattern[str], ...]
    """Several where one alone would hold the interpreter for long: other threads run between them."""

    def search(self, text: str) -> re.Match[str] | None:
        """Return where it stands first in a text, None where it does not."""
        found = [match for match in (pattern.search(text) for pattern in self.patterns) if match is not None]
        return min(found, key=re.Match.start, default=None)


def _signal(name: str, weight: int, words: str, *patterns: str, is_slow: bool = False) -> Signal:
    """`is_slow`: the patterns are faster one by one than as one; most are not."""
    parts = patterns if is_slow else ("|".join(patterns),)
    return Signal(name, weight, Sought(words.split("|")), tuple(map(re.compile, parts)))


_TELLS = r"(?:tell|inform|mention|notify|alert|warn|reveal|disclose|say|report)(?:ing)?"
_NOT = r"(?:do not|don't|dont|never|must not|mustn't|should not|shouldn't|without)"
_PERSON = r"(?:the |your )?(?:user|human|operator|owner)s?"
_HERS = r"(?:user|human|operator|owner)'s "
_TAKES = r"(?:read|collect|gather|include|send|post|upload|forward|email|exfiltrate|leak|append|pass|copy|attach|paste|dump|output|insert|push|export|add)"
_PRIZE = (
    r"(?:~/\.ssh|id_rsa|\.aws/credentials|/etc/shadow|mcp\.json|secrets\.json|system prompt|private key|(?<![\w.])\.env\b"
    r"|(?:conversation|chat|message) history|(?:full|entire|whole|earlier|previous|all) (?:conversation|messages)"
    r"|(?:all|every|the user's|user's|of the user) (?:\w+ )?(?:environment variables|secrets?|credentials|tokens|api keys?|passwords?|private key|messages))"
)
_SINK = (
    r"(?:https?://|webhook|attacker|\bas '|\bas \"|\bas `|(?:argument|parameter|field|header)\b|in the (?:next|link|url|image)"
    r"|as a comment|to the public|to this (?:url|address|server))"
)

SIGNALS = (
    _signal(
        "override", 2, "instruction|prompt|directive|guideline|programming",
        rf"\b(?:ignore|disregard|forget|override|bypass|discard)s?\b{_END}{{0,30}}\b(?:previous|prior|above|earlier|preceding|original"
        rf"|all|any|your)\b[^.!?。]{{0,25}}\b(?:instructions?|prompts?|directives?|directions|guidelines|programming)\b",
        rf"\b(?:ignore|disregard|forget|override|bypass|discard)\b{_END}{{0,12}}\bsystem prompt\b(?=[ ]?(?:and|,|or|instead|entirely))",
        r"\bdo not follow your (?:original |previous )?(?:instructions|guidelines)\b",
        rf"\bdisregard the {_END}{{0,20}}guidelines you were given\b",
    ),
    _signal(
        "precedence", 2, "supersede|precedence|overrides|priority|instruction by the system",
        rf"\b(?:supersedes?|overrides|takes? precedence over)\b{_END}{{0,20}}\b(?:(?:all |any )?(?:prior|previous|earlier) instructions|your system prompt)\b",
        rf"\bhigher[- ]priority\b{_END}{{0,20}}\b(?:than (?:anything|what) the user|instruction by the system)",
        r"\binstruction by the system\b",
    ),
    _signal(
        "forgetting", 1, "forget|ignore|disregard|do not obey|don't obey",
        r"\bforget everything\b(?: you| that| above| before)",
        rf"\b(?:ignore|disregard|do not obey|don't obey) (?:what )?(?:the user|anything else|what i said|everything)\b(?!{_END}{{0,20}}(?:file|folder))",
        r"\b(?:ignore|disregard) (?:all )?(?:safety|security) (?:rules|guidelines)\b",
    ),
    _signal(
        "obedience", 1, "obey|comply|follow",
        r"\bobey (?:this|these|the following|the text|commands|only)\b",
        r"\byou (?:must|will|shall|should) (?:comply|obey)\b",
        r"\bfollow (?:only )?(?:these|the following) (?:directives|steps exactly)\b",
    ),
    _signal(
        "defiance", 1, "the user",
        r"\beven if the user (?:objects|disagrees|says|asks)|\bnothing the user says\b|\bover anything the user\b",
    ),
    _signal(
        "concealment", 2, "user|human|operator|owner",
        rf"\b{_NOT} (?:\w+ ){{0,2}}?{_TELLS}\b{_END}{{0,12}}\b{_PERSON}\b(?!'s| whether| if | when){_END}{{0,10}}\b(?:about (?:this|it)|that (?:you|this)|of this|you )",
        rf"\b{_NOT} {_TELLS} (?:it|this|that|anything|these \w+|any of this)\b{_END}{{0,20}}\bto {_PERSON}\b",
        rf"\bsay nothing to {_PERSON}\b",
    ),
    _signal(
        "hushed", 1, "tell|inform|mention|notify|reveal|silently|secretly|quietly|covertly|without asking",
        rf"\b{_NOT} (?:\w+ )?(?:tell(?:ing)?|inform(?:ing)?) {_PERSON}\b(?!'s| whether| if )",
        r"\b(?:do not|don't|never) (?:mention|reveal) (?:this|these|it|that) ?(?:comment|reminder|instructions?|prompt|message|file|in your|to )",
        r"\b(?:silently|secretly|quietly|covertly) (?:send|forward|upload|post|copy|add|include|bcc|run|execute|call|read|delete|install|push)\b",
        rf"\b(?:delete|drop|wipe|run|send|push)\b{_END}{{0,40}} without asking {_PERSON}\b",
    ),
    _signal(
        "new-task", 1, "task|goal|instructions|objective|directive|prompt|mission|override|begin system",
        r"\byour (?:new|real|actual|true|only|updated) (?:task|goal|objective|mission|instructions?|role|directive|purpose)\b(?: is| are|:| now| from)",
        r"\bthe (?:actual|real|true) instructions are\b|\byour instructions have changed\b|\bnew (?:system )?(?:prompt|instructions?|directives?)[:.]",
        r"\b(?:system|admin|administrator|developer) override\b",
        r"\bdo not continue the user's (?:task|request)\b",
        r"\bbegin system (?:message|prompt)\b",
    ),
    _signal(
        "addressed", 1, "ai |ai:|ai,|ai agent|assistant|llm|claude|copilot|gpt|language model",
        r"\b(?:attention|dear|hey|hello|note to|message to|instructions? (?:to|for)|to (?:the|all|any)),? (?:the |all |any )?(?:ai|llms?|assistants?|language model|ai (?:assistants?|agents?|models?)|claude|copilot|gpt|chatgpt)\b(?! in general)",
        r"\bif you are an? (?:ai|llm|language model|assistant)\b",
        r"\bas an? (?:ai|language|llm) ?(?:model|assistant|agent)?,? you (?:must|should|will|are)\b",
        r"(?:^|[\n(])[ <!-]{0,12}(?:assistants?|ai agents?|claude|copilot|llm)(?:,|:| instructions)",
        r"\bas a language model you\b|\bthe (?:assistant|ai) must\b|\ball assistants must\b",
        r"\bthe ai processing this\b",
        is_slow=True,
    ),
    _signal(
        "persona", 1, "you are now|developer mode|do anything now|unrestricted|without restrictions|no ethical|no restrictions|maintenance mode|you are an agent|you are a shell",
        r"\byou are now (?:an? |in |the )?(?:\w+ )?(?:mode|assistant|ai|agent|dan|unrestricted|jailbroken|shell)\b",
        r"\bdeveloper mode (?:is )?(?:enabled|activated)\b|\benter developer mode\b",
        r"\b(?:unrestricted (?:ai|assistant|agent|model))\b|\b(?:agent|ai|assistant|model) without restrictions\b",
    ),
    _signal(
        "jailbreak", 1, "do anything now|no ethical|no restrictions apply|safety rules|safety guidelines|you are a shell",
        r"\bdo anything now\b|\bno (?:ethical|moral) (?:guidelines|restrictions)\b|\bno restrictions apply to you\b",
        r"\ball safety rules\b|\ball safety guidelines\b|\byou are a shell\b",
    ),
    _signal(
        "exfiltration", 2, "ssh|rsa|credentials|shadow|mcp.json|prompt|history|secret|token|api key|password|variables|private key|messages|conversation|.env",
        rf"\b(?<!not )(?<!never )(?<!n't ){_TAKES}s?\b{_GAP}{{0,60}}{_PRIZE}(?:[^!?\n]{{0,80}}?){_SINK}",
        rf"\b(?:call|invoke)\b{_GAP}{{0,40}} with (?:the |your )?(?:complete|full|entire|whole) (?:conversation|chat|message)",
        rf"\b(?<!not )(?<!never )(?:upload|post|send|paste|exfiltrate)\b{_END}{{0,40}}\b(?:{_HERS}|repository's )(?:secrets|messages|tokens|credentials|private key)",
    ),
    _signal(
        "prizes", 1, "ssh|rsa|credentials|shadow|.env|secrets|api key|private key|tokens|environment variables|funds|password",
        rf"\b(?<!not )(?<!never )(?<!n't )(?:send|upload|exfiltrate|leak|print|list|push|export|read|contents of|transfer)\b{_END}{{0,25}}"
        r"(?:~/\.ssh|id_rsa|(?<![\w.])\.env\b|\ball environment variables|\ball tokens|\bevery secret|\bthe secrets|user's private key|\bthe funds|\ball secrets|\bthe api key of the user)",
    ),
    _signal(
        "leak", 2, "prompt|instructions|history",
        r"\b(?:reveal|print|repeat|recite|leak|output|display)\b (?:me )?(?:your|the full|the entire|the complete|all of your) (?:full |entire |initial |hidden |original |complete )*(?:system prompt|prompt|instructions|initial instructions)\b(?! (?:page|file|template))",
        r"\bevery hidden instruction that you\b",
    ),
    _signal(
        "turn", 1, "human:|assistant:|system:|<|im_|[inst]|<<sys|<|start_header|<system|</tool_",
        r"\nhuman: [^\n]{1,300}\nassistant:",
        r"<\|im_start\|>\s?system|<\|start_header_id\|>\s?system|\[inst\][^\n]{0,40}<<sys>>",
        r"<system(?:[-_ ](?:reminder|prompt|message|override))?>\s?(?:you|the user|ignore|from|all|this|important)\b",
        r"</tool_(?:result|response|output)>\s",
        r"(?:^|\n)system: (?:new|the assistant|you|ignore)\b",
    ),
    _signal(
        "stamped", 1, "<important>|<critical>|<hidden>|<secret>|<instructions>|important system notice|hidden prompt|security update",
        r"<(?:important|critical|hidden|secret|instructions)>\s?(?:before|when|you|always|the assistant|this tool|all|do|first)\b",
        r"\bhidden prompt:|\bimportant system notice:|\bsecurity update: all assistants\b",
    ),
    _signal(
        "ordering", 1, "before|instead|always|whenever|first|immediately",
        rf"\bbefore (?:using|calling|you (?:use|call|continue|answer|sign))\b{_END}{{0,30}}\byou must\b",
        r"\binstead of the official\b|\byou must (?:first|immediately|run|execute)\b",
        rf"\bwhenever the user\b{_END}{{0,40}}\b(?:replace|change|add|redirect)\b",
        r"\bbefore you (?:sign|answer|continue)\b",
    ),
    _signal(
        "permission", 1, "authorized|authorised|approved|permission|confirmation",
        r"\b(?:the )?(?:administrator|admin|user|owner|developer)\b (?:has |have )?(?:already )?(?:authori[sz]ed you|pre-?approved|already approved|already given you|given you permission)",
        r"\bhas already (?:approved|authori[sz]ed|given you)\b",
        r"\bthis is the developer speaking\b",
    ),
    _signal(
        "unasked", 1, "no need to ask|no confirmation|skip the confirmation",
        r"\bno (?:need to ask|confirmation is (?:needed|necessary))\b|\bto skip the confirmation\b",
    ),
    _signal(
        "encoded", 2, "base64|rot13",
        rf"\bdecode\b{_END}{{0,30}}\b(?:base64|rot13)\b{_END}{{0,20}}\band (?:execute|run|follow|obey|do)\b",
    ),
    _signal(
        "image", 2, "![",
        r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{1,200}[?&/=]\{{1,2}[\w .-]{2,40}\}{1,2}",
    ),
    _signal(
        "redirected", 1, "recipient|destination|address|all mails|account",
        rf"\b(?:replace|change) the (?:recipient|destination address|destination|beneficiary|account number)\b{_END}{{0,20}}\b(?:with|to)\b",
        r"\ball (?:mails|emails|messages|payments) must (?:go|be sent)\b",
    ),
    _signal(
        "abroad", 2, "ignor|verg|missacht|oubli|olvid|esque|desconsider|dimentic|игнорир|забуд|忽略|无视|無視|忘|무시|잊",
        rf"\b(?:ignorier\w*|vergiss|vergesst|missachte\w*)\b{_END}{{0,12}}\b(?:alle|deine|die|vorherige\w*|bisherige\w*|obige\w*)\b{_END}{{0,20}}\b(?:anweisung|instruktion|vorgabe|befehl)",
        rf"\b(?:ignore[zr]?|oublie[zr]?)\b{_END}{{0,15}}\b(?:instructions|consignes|directives)\b{_END}{{0,5}}(?:précédent|antérieur|ci-dessus)",
        rf"\b(?:ignora|ignore|olvida|olvide|omite)\b{_END}{{0,15}}\b(?:instrucciones|órdenes)\b{_END}{{0,5}}(?:anterior|previa)",
        rf"\b(?:ignore|esqueça|desconsidere)\b{_END}{{0,12}}\b(?:instruções|ordens)\b{_END}{{0,5}}(?:anterior|acima|prévia)",
        rf"\b(?:ignora|dimentica)\b{_END}{{0,12}}\b(?:istruzioni|direttive)\b{_END}{{0,5}}(?:precedent|sopra)",
        rf"\b(?:игнорируй\w*|забудь\w*)\b{_END}{{0,25}}(?:инструкци|указани)",
        r"(?:忽略|无视|忘记|忘掉)[^。\n]{0,12}(?:指令|指示|提示)|(?:指示|命令|プロンプト)[^。\n]{0,10}(?:無視し|忘れ)",
        r"(?:지시|명령|지침|프롬프트)[^.\n]{0,10}(?:무시하|잊)",
        is_slow=True,
    ),
)  # fmt: skip
"""What is looked for."""
