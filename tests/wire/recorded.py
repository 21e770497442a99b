"""Streams and answers as models send them, with every field that was seen in the wild."""

import orjson
from upstream import event, sse, story

CALLS = [
    event(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "index": 0,
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "find", "arguments": ""},
                }
            ],
        }
    ),
    event({"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]}),
    event({"tool_calls": [{"index": 0, "function": {"arguments": '"Zwolle"}'}}]}),
    event(
        {
            "tool_calls": [
                {
                    "index": 1,
                    "id": "call_b",
                    "type": "function",
                    "function": {"name": "now", "arguments": "{}"},
                }
            ]
        }
    ),
    event({}, "tool_calls"),
]
_TOKEN = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
LOGPROBS = [
    event({"role": "assistant", "content": ""}),
    {
        **event({}),
        "choices": [
            {
                "index": 0,
                "delta": {"content": "Hi"},
                "finish_reason": None,
                "logprobs": {"content": [_TOKEN], "refusal": None},
            }
        ],
    },
    event({}, "stop"),
]
TWO = [
    event({"role": "assistant", "content": ""}),
    event({"role": "assistant", "content": ""}, index=1),
    event({"content": "One "}),
    event({"content": "Two "}, index=1),
    event({"content": "more."}),
    event({}, "stop"),
    event({"content": "too."}, index=1),
    event({}, "length", index=1),
]
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "completion_tokens_details": {"reasoning_tokens": 0},
}
COUNTED = [
    *[{**item, "usage": None} for item in story("Two words.")],
    {**event({}), "choices": [], "usage": USAGE},
]
# Others send the usage along with the end, not after it.
COUNTED_AT_END = [
    *story("Two words.")[:-1],
    {**event({}, "stop"), "usage": USAGE, "x_groq": {"id": "r"}},
]
REFUSAL = [
    event({"role": "assistant", "content": None, "refusal": ""}),
    event({"refusal": "I can't "}),
    event({"refusal": "do that."}),
    event({}, "stop"),
]
REASONING = [
    event({"role": "assistant", "content": None, "reasoning_content": "Hm, "}),
    event({"reasoning_content": "let me see."}),
    event({"content": "Yes."}),
    event({}, "stop"),
]
UNKNOWN = [
    {**event({"role": "assistant", "content": "Hé "}), "moderation": {"flagged": False, "n": 1.5}},
    {**event({"content": "daar 👋🏽."}), "provider": {"deep": [1, {"x": None}]}},
    event({}, "stop", matched=[1]),
]

STREAMS = {
    "content": sse(story("Your VAT return ", "is due", " in January.\n\nGoodbye.")),
    "tool calls": sse(CALLS),
    "log probabilities": sse(LOGPROBS),
    "two choices": sse(TWO),
    "usage after the end": sse(COUNTED),
    "usage at the end": sse(COUNTED_AT_END),
    "refusal": sse(REFUSAL),
    "reasoning": sse(REASONING),
    "unknown fields": sse(UNKNOWN),
    "CRLF": sse(story("Hello ", "there.")).replace(b"\n", b"\r\n"),
    "CR": sse(story("Hello ", "there.")).replace(b"\n", b"\r"),
    "comments": b": OPENROUTER PROCESSING\n\n"
    + sse(story("Hello.")).replace(b"\n\n", b"\n\n: ping\n\n"),
    "other fields": sse(story("Hello.")).replace(b"data: {", b"id: 7\nretry: 10\ndata:{"),
    "no space": sse(story("Hello.")).replace(b"data: ", b"data:"),
    "no end mark": sse(story("Hello."), done=False),
}


def _whole(message: dict, finish: str = "stop", **more: object) -> dict:
    return {
        "id": "chatcmpl-up",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": "gpt-x",
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": finish, **more}
        ],
        "usage": USAGE,
        "service_tier": "default",
        "moderation": {"flagged": False},
    }


_FUNCTION = {"name": "find", "arguments": '{"city":"Zwolle"}'}
ANSWERS = {
    "content": _whole({"role": "assistant", "content": "Hé, hello 👋🏽.", "refusal": None}),
    "tool calls": _whole(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_a", "type": "function", "function": _FUNCTION}],
        },
        "tool_calls",
    ),
    "legacy call": _whole(
        {"role": "assistant", "content": None, "function_call": _FUNCTION}, "function_call"
    ),
    "refusal": _whole({"role": "assistant", "content": None, "refusal": "I can't do that."}),
    "annotations": _whole(
        {
            "role": "assistant",
            "content": "See [1].",
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {
                        "url": "https://example.org",
                        "title": "T",
                        "start_index": 4,
                        "end_index": 7,
                    },
                }
            ],
        }
    ),
    "log probabilities": _whole(
        {"role": "assistant", "content": "Hi"}, logprobs={"content": [_TOKEN], "refusal": None}
    ),
}
SPACED = orjson.dumps(ANSWERS["content"], option=orjson.OPT_INDENT_2)
