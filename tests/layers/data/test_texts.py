"""Which texts a row holds, with whose words they are and where they stand."""

from __future__ import annotations

import pytest

from remit.layers.data.calls import judged
from remit.layers.data.texts import UnreadableError, texts

CASES = [
    ({"text": "a", "url": "x"}, [("document", "text", "a")]),
    (
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]},
        [("system", "messages.0.content", "s"), ("user", "messages.1.content", "u")],
    ),
    (
        {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]},
        [("user", "conversations.0.value", "u"), ("assistant", "conversations.1.value", "a")],
    ),
    (
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "tool_use", "id": "t1", "name": "n", "input": {"q": ["b"]}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "c"}],
                },
            ]
        },
        [
            ("assistant", "messages.0.content.0.text", "a"),
            ("tool", "messages.0.content.1.name", "n"),
            ("tool", "messages.0.content.1.input", "q\nb"),
            ("tool", "messages.1.content.0.content", "c"),
        ],
    ),
    (
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "r",
                    "tool_calls": [
                        {"id": "1", "function": {"name": "f", "arguments": '{"q": "b"}'}},
                        {"id": "2", "function": {"name": "f", "arguments": {"q": "c", "n": 1}}},
                    ],
                },
                {"role": "tool", "content": "d"},
            ]
        },
        [
            ("assistant", "messages.0.reasoning_content", "r"),
            ("tool", "messages.0.tool_calls.0.function.arguments", "q\nb"),
            ("tool", "messages.0.tool_calls.1.function.arguments", "q\nc\nn\n1"),
            ("tool", "messages.1.content", "d"),
        ],
    ),
    (
        {"prompt": "p", "completion": "c"},
        [("user", "prompt", "p"), ("assistant", "completion", "c")],
    ),
    (
        {
            "rejected": "r",
            "prompt": [{"role": "user", "content": "p"}],
            "chosen": [{"role": "assistant", "content": "c"}],
        },
        [
            ("user", "prompt.0.content", "p"),
            ("assistant", "chosen.0.content", "c"),
            ("assistant", "rejected", "r"),
        ],
    ),
    (
        {"messages": [{"role": "narrator", "content": "n"}]},
        [("document", "messages.0.content", "n")],
    ),
    ({"text": None, "id": 1}, []),
]


@pytest.mark.parametrize(("row", "wanted"), CASES, ids=range(len(CASES)))
def test_every_text_of_a_row_is_found_with_its_role_and_place(row, wanted):
    found = [(s.role, ".".join(map(str, s.path)), s.text) for s in texts(row, {})]
    assert found == wanted
    for segment in texts(row, {}):
        value = row
        for key in segment.path:
            value = value[key]
        call = segment.path[-1] in ("arguments", "input")
        assert (judged(value) if call else value) == segment.text


def test_further_columns_are_read_in_the_role_they_are_given():
    row = {"question": "q", "answer": "a", "notes": "n"}
    found = texts(row, {"question": "user", "answer": "assistant"})
    assert [(s.role, s.text) for s in found] == [("user", "q"), ("assistant", "a")]


def test_a_row_without_a_known_text_is_not_taken_for_clean():
    with pytest.raises(UnreadableError, match="name it with --column"):
        texts({"question": "q"}, {})


def test_a_deep_value_is_read_without_recursion():
    value: object = "deep"
    for _ in range(5_000):
        value = [value]
    (segment,) = texts({"messages": [{"role": "tool", "content": [value]}]}, {})
    assert segment.text == "deep"
