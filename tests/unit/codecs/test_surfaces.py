"""Requests for embeddings and pictures: the model is found, unknown options and second models are refused."""

import httpx
import orjson
import pytest

from firewall.codecs import embeddings, images
from firewall.codecs.interface import Usage
from firewall.core.errors import ProtocolError
from firewall.spend.estimate import IMAGE_TOKENS, bound_of

BATCH = "/v1beta/models/embed-1:batchEmbedContents"


def test_requests_for_embeddings_say_their_model() -> None:
    """OpenAI's in the body, Gemini's in the path; the bytes go on as they are."""
    body = b'{"model": "embed-1", "input": ["a", "b"], "dimensions": 256}'
    request = embeddings.read_openai(body, orjson.loads(body))
    assert (request.model, request.body, request.stream) == ("embed-1", body, False)
    value = {"requests": [{"model": "models/embed-1", "content": {"parts": [{"text": "a"}]}, "task_type": "X"}]}
    assert embeddings.read_gemini(b"{}", value, BATCH).model == "embed-1"
    one = {"content": {"parts": [{"fileData": {"fileUri": "files/a"}}, {"file_data": {"file_uri": "files/b"}}]}}
    found = embeddings.read_gemini(b"{}", one, "/v1beta/models/embed-1:embedContent")
    assert found.references == ("files/a", "files/b")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"model": "m", "input": "a", "tools": []}, "option_unknown"),
        ({"input": "a"}, "invalid_request"),
        ({"model": 3, "input": "a"}, "invalid_request"),
        ({"model": "m"}, "invalid_request"),
        ({"model": "m", "input": {"a": 1}}, "invalid_request"),
    ],
)
def test_bad_requests_for_embeddings_are_refused(value: dict[str, object], code: str) -> None:
    """What is unknown or of a wrong type is refused by name."""
    with pytest.raises(ProtocolError) as refused:
        embeddings.read_openai(b"{}", value)
    assert (refused.value.code, refused.value.status) == (code, 400)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"requests": [{"model": "models/other", "content": {}}]}, "option_refused"),
        ({"model": "models/other", "requests": []}, "option_refused"),
        ({"requests": [3]}, "invalid_request"),
        ({"requests": {}}, "invalid_request"),
        ({"requests": [{"tools": []}]}, "option_unknown"),
        ({"content": {}}, "option_unknown"),
        ({"requests": [{"taskType": "a", "task_type": "b"}]}, "json_duplicate_key"),
    ],
)
def test_a_batch_names_no_second_model(value: dict[str, object], code: str) -> None:
    """The grant was checked for the model of the path: every request inside names the same or none."""
    with pytest.raises(ProtocolError) as refused:
        embeddings.read_gemini(b"{}", value, BATCH)
    assert refused.value.code == code


def test_pictures_are_asked_for_in_json_and_in_forms() -> None:
    """Model, number and references are found in both."""
    body = b'{"model":"gpt-image-2","prompt":"a cat","n":3,"images":[{"file_id":"file-1"}]}'
    request = images.read_json(body, orjson.loads(body))
    assert (request.model, request.candidates, request.references) == ("gpt-image-2", 3, ("file-1",))
    form = httpx.Request(
        "POST",
        "http://x",
        data={"model": "gpt-image-2", "prompt": "Kätzchen " * 100, "n": "2", "stream": "false"},
        files=[("image[]", ("a.png", b"\x89PNG\r\n--", "image/png")), ("image[]", ("b.png", b"x", "image/png"))],
    )
    found = images.read_form(form.read(), form.headers["content-type"])
    assert (found.model, found.candidates, found.body) == ("gpt-image-2", 2, form.read())
    assert found.identity["prompt"] == "Kätzchen " * 100


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"prompt": "a"}, "invalid_request"),
        ({"model": "m", "n": 1000}, "candidates_invalid"),
        ({"model": "m", "n": 0}, "candidates_invalid"),
        ({"model": "m", "n": "two"}, "candidates_invalid"),
        ({"model": "m", "n": -1}, "candidates_invalid"),
        ({"model": "m", "stream": "true"}, "option_refused"),
        ({"model": "m", "callback_url": "http://x"}, "option_unknown"),
        ({"model": "m", "svg": "n"}, "option_unknown"),
        ({"model": "é"}, "form_invalid"),
        ({"model": "m" * 300}, "form_invalid"),
    ],
)
def test_bad_requests_for_pictures_are_refused(fields: dict[str, object], code: str) -> None:
    """Missing model, too many pictures, streams, a second model: refused with a code, in JSON as in a form."""
    form = httpx.Request("POST", "http://x", data=fields, files={"image": b"x"})
    with pytest.raises(ProtocolError) as refused:
        images.read_form(form.read(), form.headers["content-type"])
    assert (refused.value.code, refused.value.status) == (code, 400)
    if code != "form_invalid":
        with pytest.raises(ProtocolError) as again:
            images.read_json(b"{}", fields)
        assert again.value.code == code


def test_a_field_that_stands_twice_is_refused() -> None:
    """Of two models the provider might take the other one."""
    form = httpx.Request("POST", "http://x", data={"model": ["cheap", "dear"]}, files={"image": b"x"})
    with pytest.raises(ProtocolError) as refused:
        images.read_form(form.read(), form.headers["content-type"])
    assert refused.value.code == "form_invalid"


def test_usage_is_read_where_it_is_said() -> None:
    """Both dialects' embeddings and pictures; nothing where nothing is said or it is no number."""
    assert embeddings.usage_of(b'{"usage":{"prompt_tokens":7,"total_tokens":7}}').input_tokens == 7
    assert embeddings.usage_of(b'{"usageMetadata":{"promptTokenCount":5}}').input_tokens == 5
    assert embeddings.usage_of(b'{"usage":{"prompt_tokens":true}}') == Usage()
    assert embeddings.usage_of(b'{"usage":null}') == Usage()
    pictures = images.usage_of(b'{"usage":{"input_tokens":3,"output_tokens":4000}}')
    assert (pictures.input_tokens, pictures.output_tokens, pictures.is_reported) == (3, 4000, True)
    assert images.usage_of(b'{"data":[]}') == Usage()
    assert images.usage_of(b'{"usage":{"input_tokens":-3}}') == Usage()


def test_pictures_weigh_as_pictures() -> None:
    """Money is held for the words as words, for each picture as one, and for each that is made."""
    form = httpx.Request(
        "POST",
        "http://x",
        data={"model": "gpt-image-2", "prompt": "a" * 300, "n": "2"},
        files=[("image[]", ("a.png", b"x" * 2_000_000, "image/png")), ("mask", ("m.png", b"y" * 9, "image/png"))],
    )
    content_type = form.headers["content-type"]
    weighed = images.weighed(images.read_form(form.read(), content_type), content_type)
    bound = bound_of(weighed)
    assert bound.input_tokens is not None
    assert 2 * IMAGE_TOKENS < bound.input_tokens < 2 * IMAGE_TOKENS + 4000
    assert (bound.output_tokens, bound.answers) == (images.MOST_TOKENS_A_PICTURE, 2)
    body = orjson.dumps({"model": "m", "prompt": "x", "images": [{"image_url": "data:" + "A" * 2_000_000}]})
    found = bound_of(images.weighed(images.read_json(body, orjson.loads(body)), "application/json"))
    assert found.input_tokens is not None
    assert IMAGE_TOKENS < found.input_tokens < IMAGE_TOKENS + 2000
