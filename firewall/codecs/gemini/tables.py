"""What the Gemini API knows, as data: options, tools and parts. Names are camelCase; snake_case twins are folded.

Anything that stands in no table is `unknown`: refused in a request, held in an answer.
Sources: https://ai.google.dev/api/generate-content, the google-genai SDK 3.4, Gemini CLI 0.61.
"""

OPTIONS = frozenset({
    "cachedContent", "contents", "generationConfig", "labels", "model", "safetySettings", "serviceTier", "store",
    "systemInstruction", "toolConfig", "tools",
})  # fmt: skip
COUNT_OPTIONS = frozenset({"contents", "generateContentRequest"})
"""Options of `countTokens`, which runs nothing; the request inside is read like a real one."""

GENERATION = frozenset({
    "audioTimestamp", "audioTranscriptionConfig", "candidateCount", "continuationToken",
    "enableAffectiveDialog", "enableEnhancedCivicAnswers", "frequencyPenalty", "imageConfig", "logprobs",
    "maxOutputTokens", "mediaResolution", "modelConfig", "modelSelectionConfig", "presencePenalty",
    "responseFormat", "responseJsonSchema", "responseLogprobs", "responseMimeType", "responseModalities",
    "responseSchema", "routingConfig", "seed", "speechConfig", "stopSequences", "temperature",
    "thinkingConfig", "topK", "topP", "translationConfig", "_responseJsonSchema",
})  # fmt: skip
CHOOSING = ("modelConfig", "modelSelectionConfig", "routingConfig")
"""Of those: they let the provider answer from another model than the path names; null is fine."""
TOOL_CONFIG = frozenset({"functionCallingConfig", "includeServerSideToolInvocations", "retrievalConfig"})
CALLING = frozenset({"allowedFunctionNames", "mode"})
"""Of `functionCallingConfig`; `streamFunctionCallArguments` is not for this API and would cut calls in pieces."""

VERBS = frozenset({"generateContent", "streamGenerateContent", "countTokens"})

CLIENT_TOOLS = frozenset({"functionDeclarations", "computerUse"})
"""Tools whose calls come back to the agent as `functionCall`, where we judge them."""

HOSTED_TOOLS = frozenset({
    "codeExecution", "enterpriseWebSearch", "exaAiSearch", "fileSearch", "googleMaps", "googleSearch",
    "googleSearchRetrieval", "mcpServers", "parallelAiSearch", "retrieval", "urlContext",
})  # fmt: skip
"""Tools that the provider runs itself: actions of the request."""

PASSING_PARTS = frozenset({
    "audioTranscription", "codeExecutionResult", "executableCode", "fileData", "inlineData", "text", "toolCall",
    "toolResponse",
})  # fmt: skip
"""Kinds of parts that nobody outside the provider runs (`toolCall` is the provider's own)."""

PART_NOTES = frozenset({
    "audioMetadata", "documentMetadata", "mediaProcessing", "mediaResolution", "partMetadata", "speechMetadata",
    "spreadsheetMetadata", "thought", "thoughtSignature", "videoMetadata",
})  # fmt: skip
"""Fields that stand beside a part's kind."""

SKIP_SIGNATURE = "skip_thought_signature_validator"
"""What the API documents for a call whose own signature is not there; a base64 text by design."""

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Canonical status names by HTTP status; see google.rpc.Code."""


def camel(name: str) -> str:
    """Return the camelCase twin of a field name, as protobuf's JSON mapping folds it."""
    if "_" not in name[1:]:
        return name
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)
