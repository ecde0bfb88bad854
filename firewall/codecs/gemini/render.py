"""Writing Gemini objects: errors and refusals. Pure: ids come from hashes."""

import hashlib

import orjson

from firewall.codecs.gemini import tables
from firewall.codecs.interface import ModelRequest


def error(status: int, code: str, message: str) -> bytes:
    """Return Google's error object as JSON; our `code` is the `reason` of its ErrorInfo detail."""
    name = tables.STATUS.get(status, "INTERNAL" if status >= 500 else "FAILED_PRECONDITION")
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code, "domain": "stayhand"}
    return orjson.dumps({"error": {"code": status, "message": message, "status": name, "details": [detail]}})


def refusal(request: ModelRequest, text: str) -> bytes:
    """Return a whole answer that says only `text`; its id follows from the request."""
    seed = request.body + b"\0" + text.encode("utf-8", "surrogatepass")
    return orjson.dumps(
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": text}], "role": "model"},
                    "finishReason": "STOP",
                    "index": 0,
                }
            ],
            "usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0},
            "modelVersion": request.model,
            "responseId": hashlib.sha256(seed).hexdigest()[:32],
        }
    )
