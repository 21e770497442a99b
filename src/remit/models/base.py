"""What a model is: something that answers an OpenAI chat-completions request.

Every model speaks one format, so that a real provider's unknown fields survive and the house
model needs no second code path.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


class UpstreamError(Exception):
    """The model could not be reached or broke off. `kind` names how, for the client and the record.

    Kinds: connect, timeout, reset, truncated, too_large, bad_response.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(slots=True)
class Reply:
    """An answer. Exactly one of `body` (whole) and `events` (stream) is set.

    `events` yields the payload bytes of each server-sent event's data, framing removed, the
    final `[DONE]` included. Closing the iterator (`aclose`) cancels the request upstream.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    events: AsyncIterator[bytes] | None = None


class Model(Protocol):
    """A model to talk to."""

    name: str

    async def chat(self, request: Mapping[str, object], headers: Mapping[str, str]) -> Reply:
        """Answers a chat-completions request. Raises UpstreamError where no answer came.

        A provider's own error (4xx, 5xx) is a Reply with that status and body, not an exception.
        `request["stream"]` decides whether the reply has `events`; an error reply has `body`.
        """
        ...

    async def models(self) -> Reply:
        """The list for `GET /v1/models`."""
        ...

    async def close(self) -> None:
        """Gives back connections."""
        ...
