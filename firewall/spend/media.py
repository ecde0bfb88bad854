"""What a request carries that is no text, as far as money must know: pictures, and what only its reader measures.

INVARIANT: what is called a picture counts as one and its bytes as nothing; whatever is in doubt is text or open.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LARGE = 4_096
_FREE = frozenset({"args", "arguments", "input_schema", "metadata", "parameters", "response", "schema", "tools"})
"""Members that hold objects of the caller's own making, which are text to the model whatever they look like."""
_PICTURES = frozenset({"data", "image_url", "inlineData", "inline_data", "source"})
"""Members in which a picture lies; whatever else its object says is text."""
_TEXTS = frozenset({"content", "text"})
"""Sources of a document that stand in the request as text, or as parts of their own."""
_IMAGES = frozenset({"image", "image_url", "input_image"})
_FILES = frozenset({"document", "input_file", "file"})
_MARKS = frozenset({"type", "inlineData", "inline_data", "fileData"})
"""Without one of these an object is neither a picture nor a file."""
_PICTURE_ENDINGS = frozenset(
    {
        "apng",
        "avif",
        "bmp",
        "gif",
        "heic",
        "heif",
        "ico",
        "jfif",
        "jpeg",
        "jpg",
        "png",
        "svg",
        "tif",
        "tiff",
        "webp",
    }
)
_ENDING = re.compile(r"/[^/?#]*\.([A-Za-z][A-Za-z0-9]{2,4})(?=[?#]|$)")
"""Of the last part of a path."""
_NONE: frozenset[str] = frozenset()
_NESTED = (dict, list)


@dataclass(slots=True)
class Media:
    """What of a request is no text."""

    images: int = 0
    hidden: int = 0
    """Bytes of pictures."""
    is_open: bool = False
    """Something is as long as only the provider knows: pages, sound, film."""


NOTHING = Media()
"""Of most requests: all of it is text."""


def media_of(identity: Mapping[str, object]) -> Media:
    """Return what a request carries that is no text.

    What was parsed is walked: however a body spells its letters, and cheaper than a search through all its bytes.
    """
    found = Media()
    stack = _within(identity, without=_NONE)
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += [one for one in value if isinstance(one, _NESTED)]
            continue
        is_image = not _MARKS.isdisjoint(value) and _medium(value, found)
        stack += _within(value, without=_PICTURES if is_image else _NONE)
    return found


def _within(value: Mapping[str, object], *, without: frozenset[str]) -> "list[dict[str, object] | list[object]]":
    """Return what may hold media: never the arguments of calls, where a caller writes what he likes."""
    own = "name" in value  # of a call: its `input` is its arguments
    return [
        one
        for name, one in value.items()
        if isinstance(one, _NESTED) and name not in _FREE and name not in without and not (own and name == "input")
    ]


def _medium(value: Mapping[str, object], found: Media) -> bool:
    """Note a picture or a file; tells whether it is a picture, whose bytes are no text.

    Text that comes as a file is text, byte by byte. Any other document is as long as its pages are: a few bytes
    may be hundreds of them.
    """
    kind = value.get("type")
    named = kind if isinstance(kind, str) else ""
    inline = value.get("inlineData") or value.get("inline_data")
    if named in _IMAGES or isinstance(inline, Mapping):
        says = _type_of(inline) if inline else _type_of(value.get("source")) or "image/"
        if says.startswith("text/"):
            return False
        found.images += 1
        found.is_open |= not says.startswith("image/") or _is_no_picture(value)
        found.hidden += sum(_blob(value[name]) for name in _PICTURES & value.keys())
        return True
    if named in _FILES or "fileData" in value:
        found.images += 1
        named_so = _type_of(value.get("fileData")).startswith("image/")
        is_text = named == "document" and _says(value.get("source")) in _TEXTS
        found.is_open |= not (named_so or is_text)
    return False


def _says(source: object) -> object:
    return source.get("type") if isinstance(source, Mapping) else None


def _type_of(inline: object) -> str:
    """Return the type that a holder of data says, in lower case; what is no text is no picture's either."""
    if not isinstance(inline, Mapping):
        return ""
    said = inline.get("mimeType") or inline.get("mime_type") or inline.get("media_type") or ""
    return said.lower() if isinstance(said, str) else "?"


def _is_no_picture(value: Mapping[str, object]) -> bool:
    """Tell whether an address says that something else lies there: some servers take any file.

    One that holds its data says its type; of others the ending of the path may be believed by whoever fetches it.
    """
    image, source = value.get("image_url"), value.get("source")
    for url in (image.get("url") if isinstance(image, Mapping) else image, _url_of(source)):
        if not isinstance(url, str):
            continue
        if url[:5].lower() == "data:":
            if url[5:11].lower() != "image/":
                return True
        elif any(found[1].lower() not in _PICTURE_ENDINGS for found in _ENDING.finditer(url[:_LARGE])):
            return True
    return False


def _url_of(source: object) -> object:
    return source.get("url") if isinstance(source, Mapping) else None


def _blob(value: object, depth: int = 0) -> int:
    if isinstance(value, str):
        return len(value) if len(value) > _LARGE else 0
    if isinstance(value, Mapping) and depth < 4:
        return sum(_blob(one, depth + 1) for one in value.values())
    return 0
