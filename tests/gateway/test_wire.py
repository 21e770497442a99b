"""Where the texts of a request are, and how others are put in their place."""

import orjson
import pytest

from remit.gateway import wire
from remit.layers.guard.delivery import Masked
from remit.types import Span


def call(arguments: str) -> dict:
    return {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}


TEXTS = [
    ({"role": "user", "content": "a"}, "a"),
    (
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        "a\nb",
    ),
    ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, ""),
    ({"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}, "no"),
    ({"role": "assistant", "content": "a", "refusal": "b", "reasoning_content": "c"}, "a\nb\nc"),
    ({"role": "assistant", "content": None, "tool_calls": [call('{"k": ["v", 1]}')]}, "k\nv\n1"),
    ({"role": "assistant", "function_call": {"name": "f", "arguments": '"v"'}}, "v"),
    (
        {
            "role": "assistant",
            "tool_calls": [{"type": "custom", "custom": {"name": "f", "input": "v w"}}],
        },
        "v w",
    ),
    ({"role": "assistant", "tool_calls": [call('"\\ud800!"')]}, "\ufffd!"),
    ({"role": "user"}, ""),
]


@pytest.mark.parametrize(("message", "text"), TEXTS)
def test_all_texts_of_a_message_are_judged(message, text):
    (turn,) = wire.turns([message])
    assert turn.text == text


@pytest.mark.parametrize(("message", "text"), [pair for pair in TEXTS if len(pair[1]) > 1])
def test_a_mask_stands_where_the_text_stood(message, text):
    whole = Masked(Span(0, len(text), "iban"), "r")
    before = orjson.dumps(message)
    (turn,) = wire.turns([wire.with_masks(message, [whole])])
    assert set(turn.text.split("\n")) == {"[iban]"}
    assert orjson.dumps(message) == before


def test_a_mask_leaves_the_rest_of_the_message_alone():
    message = {
        "role": "assistant",
        "content": "Pay NL now",
        "tool_calls": [call('{"to": "NL"}')],
        "x": [1],
    }
    text = "Pay NL now\nto\nNL"
    spans = [Masked(Span(4, 6, "iban"), "r"), Masked(Span(14, 16, "iban"), "r")]
    assert wire.turns([message])[0].text == text
    masked = wire.with_masks(message, spans)
    assert masked == {
        **message,
        "content": "Pay [iban] now",
        "tool_calls": [call('{"to":"[iban]"}')],
    }


def test_a_withheld_message_keeps_its_place_and_its_calls_ids():
    message = {
        "role": "assistant",
        "content": "secret",
        "reasoning_content": "secret",
        "tool_calls": [
            call('{"a": "secret"}'),
            {"id": "d", "custom": {"name": "f", "input": "secret"}},
        ],
    }
    withheld = wire.withheld(message, "[withheld]")
    assert "secret" not in str(withheld)
    assert [c["id"] for c in withheld["tool_calls"]] == ["c", "d"]
    assert withheld["content"] == "[withheld]"


@pytest.mark.parametrize("name", ["a\r\nb: c", "", None, 5, ["text"], "é", "x" * 65, "1a"])
def test_a_made_up_name_cannot_write_headers(name):
    assert wire.plain(name) == "other"


@pytest.mark.parametrize("levels", [198, 199, 200, 5_000])
def test_depth_is_bounded_where_json_can_still_be_written(levels):
    body = b'{"messages": [{"role": "user", "content": "x"}], "x": %b1%b}' % (
        b"[" * levels,
        b"]" * levels,
    )
    if levels < wire.MAX_DEPTH:
        orjson.dumps(wire.parse_request(body))
    else:
        with pytest.raises(wire.RequestError):
            wire.parse_request(body)


def test_many_brackets_are_not_deep():
    body = orjson.dumps({"messages": [{"role": "user", "content": "x"}] * 1_000})
    assert len(wire.parse_request(body)["messages"]) == 1_000
