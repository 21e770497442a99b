"""A counter-example: the same prompt, answered as the rule's owner wishes.

Filtering alone teaches a model what not to have seen. A row that shows the wished-for reply to
the same prompt teaches what to do instead; in a preference row the reply that broke the rule
becomes the rejected one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.layers.data.places import Path
from remit.types import Json

_NO_PROMPT = "no counter-example: a document has no prompt to answer again"


def counter(value: Json, path: Path, role: str, words: str) -> Json | str:
    """The row that answers with `words` what the text at `path` answers, or asks.

    Where there can be no such row, the reason, in words.
    """
    column = path[0] if path else ""
    if column in ("chosen", "prompt") and "chosen" in value:
        wished = _like(value["chosen"], words)
        return {**value, "chosen": wished, "rejected": value["chosen"]}
    if column == "rejected":
        return "no counter-example: the row rejects it already"
    if column in ("completion", "prompt") and "completion" in value:
        return {**value, "completion": _like(value["completion"], words)}
    messages = value.get(str(column))
    if isinstance(messages, list) and len(path) > 1 and isinstance(path[1], int):
        upto = path[1] if role == "assistant" else path[1] + 1
        if upto == 0:
            return _NO_PROMPT
        return {**value, str(column): [*messages[:upto], _reply(messages, words)]}
    return _NO_PROMPT


def _like(reply: Any, words: str) -> Any:
    """The wished-for reply in the form of the one that it stands for."""
    if not isinstance(reply, list):
        return words
    return [*reply[:-1], _reply(reply, words)]


def _reply(messages: Sequence[Any], words: str) -> Json:
    """A message of the assistant's, with the keys that this conversation uses."""
    shared = next((m for m in messages if isinstance(m, dict) and "from" in m), None)
    if shared is None:
        return {"role": "assistant", "content": words}
    said = {str(m.get("from", "")) for m in messages if isinstance(m, dict)}
    name = next((name for name in ("gpt", "assistant", "model", "bot") if name in said), "gpt")
    return {"from": name, "value": words}
