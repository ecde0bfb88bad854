"""What becomes of every stored request, stream, answer and error in every other dialect, byte for byte."""

import json
from types import ModuleType

import pytest

from firewall.codecs.neutral import registry
from firewall.core.dialect import Dialect
from firewall.demo.dialects import anthropic, gemini, openai_chat, openai_responses
from firewall.demo.seal import Seal
from tests.support import translated

PAIRS = translated.pairs()
SPEAKERS: dict[Dialect, ModuleType] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.GEMINI: gemini,
}


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda one: one.value)
def test_each_case_becomes_what_is_stored(source: Dialect, target: Dialect) -> None:
    """The stored results are all and exactly what translation gives: nothing is stored that nothing makes."""
    folder = translated.folder(source, target)
    made = dict(translated.results(source, target))
    assert made.keys() == {path.name for path in folder.iterdir()}
    for name, content in made.items():
        assert content == (folder / name).read_bytes(), f"{folder.name}/{name}: python -m tests.support.translated"


def test_every_dialect_that_is_read_is_written_and_has_cases() -> None:
    """A dialect takes part in all directions or in none."""
    assert set(registry.READERS) == set(registry.WRITERS)
    assert {Dialect.ANTHROPIC, Dialect.OPENAI_CHAT} <= set(translated.known())
    for dialect in translated.known():
        assert len(translated.stored(dialect, "requests")) > 8
        assert len(translated.stored(dialect, "errors")) > 3
        assert translated.recorded(dialect)


@pytest.mark.parametrize(("client", "provider"), PAIRS, ids=lambda one: one.value)
def test_refused_cases_are_refused_and_others_are_not(client: Dialect, provider: Dialect) -> None:
    """What a case is called says what becomes of it; a refusal names a field and has a stable code."""
    sent = json.loads((translated.folder(client, provider) / "requests.json").read_bytes())
    for name, result in sent.items():
        if "refused" in result:
            assert result["refused"] in {"untranslatable", "invalid_request"}
            assert result["says"].startswith("`")
        else:
            assert not name.startswith("refused_"), f"{name} is carried to {provider.value}"


@pytest.mark.parametrize(("client", "provider"), PAIRS, ids=lambda one: one.value)
def test_a_translated_request_is_one_that_the_provider_knows(client: Dialect, provider: Dialect) -> None:
    """The codec of the provider's dialect finds only known options in it, and nothing that the provider runs."""
    codec = translated.CODECS[provider]
    sent = json.loads((translated.folder(client, provider) / "requests.json").read_bytes())
    for result in sent.values():
        if "body" in result:
            body = json.dumps(result["body"]).encode()
            read = codec.read_request(body, result["body"], {}, result["path"].partition("?")[0])
            assert not read.hosted
            assert not [one for one in read.references if not one.startswith("https://")]


@pytest.mark.parametrize(("client", "provider"), PAIRS, ids=lambda one: one.value)
def test_a_translated_history_is_accepted_by_a_strict_provider(client: Dialect, provider: Dialect) -> None:
    """The scripted provider holds histories against the real API's rules: pairs, order, ids, thinking."""
    sent = json.loads((translated.folder(client, provider) / "requests.json").read_bytes())
    read = SPEAKERS[provider].read
    for name, result in sent.items():
        if "body" in result:
            conversation = read(result["body"], result["path"].partition("?")[0], seal=Seal.of("strict"))
            assert conversation.model == translated.MODELS[provider], name
