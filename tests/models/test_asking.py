"""A model as a judge sees it: one prompt, one text, or a plain failure."""

import asyncio

import pytest

from remit.models.asking import Asking
from remit.models.base import Reply, UpstreamError
from remit.models.scripted import Scripted, ScriptedReply


def ask(model):
    return asyncio.run(Asking(model, "judge-model").answer("Is it so?"))


def test_the_text_of_the_reply_is_the_answer():
    model = Scripted(['{"scores": [0.25]}'])
    assert ask(model) == '{"scores": [0.25]}'
    (request,) = model.requests
    assert request["model"] == "judge-model"
    assert request["temperature"] == 0
    assert request["messages"] == [{"role": "user", "content": "Is it so?"}]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"choices": []}', b'{"choices": [{"message": {}}]}']
)
def test_what_is_no_completion_is_a_failure(body):
    class Broken:
        name = "broken"

        async def chat(self, request, headers):
            return Reply(200, body=body)

        async def models(self):
            return Reply(200)

        async def close(self):
            return None

    with pytest.raises(UpstreamError):
        ask(Broken())


def test_a_refused_request_is_a_failure():
    with pytest.raises(UpstreamError, match="429"):
        ask(Scripted([ScriptedReply("", status=429)]))
