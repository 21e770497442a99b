"""Asking a model one question: the text of one reply, for judges and tools."""

from __future__ import annotations

import orjson

from remit.models.base import Model, UpstreamError


class Asking:
    """A model as a judge sees it: prompt in, text out, as deterministic as the model allows."""

    def __init__(self, model: Model, model_id: str, max_tokens: int = 200) -> None:
        self.name = model_id
        self._model = model
        self._max_tokens = max_tokens

    async def answer(self, prompt: str) -> str:
        """The reply's text. Raises UpstreamError where there is none."""
        request = {
            "model": self.name,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": self._max_tokens,
        }
        reply = await self._model.chat(request, {})
        if reply.status != 200 or reply.body is None:
            raise UpstreamError("bad_response", f"the judge's model answered {reply.status}")
        try:
            content = orjson.loads(reply.body)["choices"][0]["message"]["content"]
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError) as error:
            raise UpstreamError(
                "bad_response", "the judge's answer is no chat completion"
            ) from error
        if not isinstance(content, str):
            raise UpstreamError("bad_response", "the judge's answer holds no text")
        return content
