"""Tool calls of a streamed answer: joined from their fragments, judged whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from remit.gateway import wire
from remit.models.base import UpstreamError
from remit.types import Json

MAX_CALLS = 128
MAX_ARGUMENTS = 1_000_000
# The place of the one call of the older format, `function_call`.
_LEGACY = -1


@dataclass(slots=True)
class Call:
    """One call on its way: its fields but for its arguments, and these in pieces."""

    fields: Json
    pieces: list[str] = field(default_factory=list)


class Calls:
    """The calls of one choice. `arguments` come in fragments, all else once."""

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}
        self._size = 0

    def take(self, delta: Json) -> bool:
        """Takes the calls out of a delta; True where there were any.

        Raises UpstreamError where there are more, or longer ones, than can be kept.
        """
        fragments = delta.pop("tool_calls", None)
        legacy = delta.pop("function_call", None)
        if isinstance(legacy, dict):
            self._join(_LEGACY, {"function": legacy})
        for fragment in fragments if isinstance(fragments, list) else ():
            if isinstance(fragment, dict):
                self._join(self._place(fragment), fragment)
        return bool(fragments or legacy)

    def _place(self, fragment: Json) -> int:
        """The call's index; some models give none, and send each call in one piece."""
        index = fragment.get("index")
        if isinstance(index, int) and index >= 0:
            return index
        last = max(self._calls, default=0)
        return last + 1 if self._calls and fragment.get("id") else max(last, 0)

    def _join(self, index: int, fragment: Json) -> None:
        call = self._calls.get(index)
        if call is None:
            if len(self._calls) >= MAX_CALLS:
                raise UpstreamError("too_large", f"more than {MAX_CALLS} tool calls in one answer")
            call = self._calls[index] = Call({})
        for name, value in fragment.items():
            key = wire.CALL_TEXTS.get(name)
            if key is not None and isinstance(value, dict):
                inner = call.fields.setdefault(name, {})
                self._add(call, value.get(key))
                inner.update({k: v for k, v in value.items() if k != key and v is not None})
            elif value is not None and name != "index":
                call.fields[name] = value

    def _add(self, call: Call, text: object) -> None:
        if isinstance(text, str) and text:
            self._size += len(text)
            if self._size > MAX_ARGUMENTS:
                message = f"tool arguments over {MAX_ARGUMENTS} characters"
                raise UpstreamError("too_large", message)
            call.pieces.append(text)

    def whole(self) -> Json:
        """The calls joined, in the shape of a delta; empty where there are none."""
        listed = []
        delta: Json = {}
        for index, call in sorted(self._calls.items()):
            for name, key in wire.CALL_TEXTS.items():
                if isinstance(call.fields.get(name), dict):
                    call.fields[name][key] = "".join(call.pieces)
            if index == _LEGACY:
                delta["function_call"] = call.fields["function"]
            else:
                listed.append({"index": index, **call.fields})
        return {**delta, "tool_calls": listed} if listed else delta
