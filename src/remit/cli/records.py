"""Lines of `remit scan`: from JSON to a conversation, from a verdict to JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from remit.enforce import Enforcer
from remit.layers.guard.tools import call_text
from remit.policy import STAGE_WORDS, Rule
from remit.types import Action, Interaction, Message, RuleResult, Stage, Verdict

_ROLES = {Stage.INPUT: "user", Stage.OUTPUT: "assistant", Stage.TOOL: "tool", Stage.DATA: "user"}
MAX_MESSAGES = 10_000
# What of a conversation is text to judge; the rest (an image, a sound) is refused by name.
_TEXT_PARTS = ("text", "input_text", "output_text", "refusal")


class LineError(ValueError):
    """A line cannot be judged; the message says why."""


class Scanner:
    """Judges lines under one remit at one stage. Lines are bytes; so are the answers."""

    def __init__(self, enforcer: Enforcer, stage: Stage) -> None:
        self._enforcer = enforcer
        self._stage = stage
        self._words = {
            rule.id: {action: word(rule, action, stage) for action in Action}
            for rule in enforcer.rules(stage)
        }
        clean = enforcer.clean(stage)
        # Most lines break nothing, and then all but the id is the same.
        self._clean, self._clean_tail = clean, orjson.dumps(self._fields(clean))[1:] + b"\n"

    def answer(self, line: bytes, number: int, source: str = "") -> bytes:
        """The answer to a line: its verdict, or an error that names the line."""
        try:
            id_, interaction = read(line, self._stage)
        except LineError as error:
            return failed(number, str(error), source)
        verdict = self._enforcer.judge(interaction, self._stage)
        head = b'{"id":' + orjson.dumps(id_) + b","
        if verdict is self._clean:
            return head + self._clean_tail
        return head + orjson.dumps(self._fields(verdict))[1:] + b"\n"

    def _fields(self, verdict: Verdict) -> dict[str, Any]:
        return {
            "action": self._overall(verdict),
            "rules": {id_: self._result(id_, result) for id_, result in verdict.rules.items()},
            "policy": verdict.policy_digest,
        }

    def _overall(self, verdict: Verdict) -> str:
        if not verdict.decisive_rules:
            return Action.ALLOW.word
        return self._words[verdict.decisive_rules[0]][verdict.action]

    def _result(self, rule: str, result: RuleResult) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "action": self._words[rule][result.action],
            "score": result.score,
            "spans": [[span.start, span.end] for span in result.spans],
        }
        if result.failure is not None:
            fields["failure"] = result.failure
        return fields


def word(rule: Rule, action: Action, stage: Stage) -> str:
    """An action in the stage's words: the rule's own, or the mildest that is severe enough."""
    if action is not Action.ALLOW and rule.action(stage) is action:
        return rule.then[stage]
    words = STAGE_WORDS[stage]
    enough = [name for name, severity in words.items() if severity >= action]
    exact = [name for name in enough if name == action.word]
    return (exact or enough)[0]


def failed(number: int, error: str, source: str = "") -> bytes:
    """The answer to a line that cannot be judged; `source` where there are several files."""
    fields = {"line": number, **({"file": source} if source else {}), "error": error}
    return orjson.dumps(fields) + b"\n"


# --- Reading -------------------------------------------------------------------------------------


def read(line: bytes, stage: Stage) -> tuple[Any, Interaction]:
    """The id and the conversation of a line. Raises LineError."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise LineError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise LineError('a line must be an object, such as {"id": "1", "text": "…"}')
    text, messages = value.get("text"), value.get("messages")
    if (text is None) == (messages is None):
        raise LineError("a line needs one of 'text' and 'messages'")
    if text is not None:
        if not isinstance(text, str):
            raise LineError("'text' must be a string")
        turns: tuple[Message, ...] = (Message(_ROLES[stage], text),)
    else:
        turns = tuple(_turns(messages))
    return value.get("id"), Interaction(
        turns,
        confidential=_texts(value, "confidential"),
        canaries=_texts(value, "canaries"),
    )


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    texts = value.get(key)
    if texts is None:
        return ()
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise LineError(f"'{key}' must be a list of strings")
    return tuple(texts)


def _turns(messages: object) -> Iterator[Message]:
    if not isinstance(messages, list) or not messages:
        raise LineError("'messages' must be a list of at least one message")
    if len(messages) > MAX_MESSAGES:
        raise LineError(f"more than {MAX_MESSAGES} messages; split the conversation")
    for number, message in enumerate(messages, 1):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise LineError(f"message {number}: must be an object with a role")
        yield Message(message["role"], _content(message, number), str(message.get("name") or ""))


def _content(message: Mapping[str, Any], number: int) -> str:
    """What is said, and below it what a tool is asked to do."""
    content = message.get("content", message.get("text"))
    parts = [content] if isinstance(content, str) else []
    if isinstance(content, list):
        parts = [_part(part, number) for part in content]
    elif content is not None and not isinstance(content, str):
        raise LineError(f"message {number}: content must be a string or a list of parts")
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise LineError(f"message {number}: tool_calls must be a list")
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        arguments = function.get("arguments") if isinstance(function, dict) else None
        if not isinstance(arguments, str):
            raise LineError(f"message {number}: a tool call has no arguments to judge")
        try:
            parts.append(call_text(arguments))
        except RecursionError:
            raise LineError(f"message {number}: arguments are nested too deep") from None
    if content is None and not calls:
        raise LineError(f"message {number}: has neither content nor tool_calls")
    return "\n".join(parts)


def _part(part: object, number: int) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type", "text") if isinstance(part, dict) else type(part).__name__
    if isinstance(part, dict) and kind in _TEXT_PARTS:
        text = part.get("refusal" if kind == "refusal" else "text")
        if isinstance(text, str):
            return text
    raise LineError(f"message {number}: a part of type '{kind}' is no text, so cannot be judged")
