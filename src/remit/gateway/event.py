"""One event of a model's streamed answer: read, and told apart by what it holds."""

from __future__ import annotations

import orjson

from remit.gateway import wire
from remit.models.base import UpstreamError
from remit.types import Json

# What belongs to one event alone, and is not repeated in those made here.
_OWN = ("choices", "usage", "obfuscation")


def parsed(data: bytes) -> Json:
    """An event's data. Raises UpstreamError where it is no JSON object."""
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UpstreamError("bad_response", "the model sent an event that is not JSON") from None
    if not isinstance(event, dict):
        raise UpstreamError("bad_response", "the model sent an event that is no object")
    return event


def shape(event: Json) -> Json:
    """What an event has in common with all others of its answer."""
    return {key: value for key, value in event.items() if key not in _OWN}


def plain_text(event: Json) -> str:
    """The text of an event that holds a piece of content and nothing else; else empty."""
    choices = event.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or event.get("usage"):
        return ""
    choice = choices[0]
    delta = choice.get("delta") if isinstance(choice, dict) else None
    if not isinstance(delta, dict) or len(delta) != 1 or event.get("error"):
        return ""
    text = delta.get("content")
    if not isinstance(text, str) or not choice.keys() <= wire.CHOICE_FIELDS:
        return ""
    more = choice.get("index") or choice.get("finish_reason") or choice.get("logprobs")
    return "" if more else text
