"""What a scripted model is to say: its replies, their faults, and the file they may come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError


class ScriptError(ValueError):
    """A script is refused; the message names the reply and the cure."""


class Fault(StrEnum):
    """How a reply goes wrong.

    `connect` and `timeout` give no reply at all. The others come after `ScriptedReply.after`
    pieces of a stream, and instead of the body where nothing is streamed.
    """

    CONNECT = "connect"
    TIMEOUT = "timeout"
    HANG = "hang"
    RESET = "reset"
    GARBAGE = "garbage"
    HALF = "half"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool. `arguments` is JSON as a model writes it, well-formed or not."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    arguments: str = "{}"
    id: str = ""


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """One reply.

    `text` is streamed in `chunks` where given, else in pieces of `chunk_size` characters, else
    word by word; arguments of tools and refusals in pieces of `chunk_size` too. `delay` is the
    pause before each event, in seconds. A `status` of 400 or more answers with `error` (a JSON
    body; OpenAI's shape by default). A `finish_reason` left empty is `stop` or `tool_calls`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    text: str = ""
    chunks: tuple[str, ...] = ()
    chunk_size: int = 0
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str = ""
    finish_reason: str = ""
    usage: tuple[int, int] | None = None
    delay: float = 0.0
    fault: Fault | None = None
    after: int = 0
    status: int = 200
    error: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ScriptError where the two ways to give the text disagree."""
        if self.chunks and self.text not in ("", "".join(self.chunks)):
            raise ScriptError("a reply's text is not its chunks joined; give one of them")

    @property
    def whole(self) -> str:
        """The text, uncut."""
        return self.text or "".join(self.chunks)

    @property
    def finish(self) -> str:
        """The finish reason on the wire."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")


def read_script(path: str | Path) -> list[ScriptedReply | str]:
    """The replies of a YAML or JSON list of texts and mappings with ScriptedReply's keys.

    Raises ScriptError, naming the reply and the cure, and OSError where there is no file.
    """
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ScriptError(f"{path}: not YAML or JSON: {error}") from error
    if not isinstance(raw, list):
        raise ScriptError(f"{path}: a script is a list of replies; begin each with '- '")
    return [_read(item, f"{path}: reply {n}") for n, item in enumerate(raw, 1)]


def _read(raw: object, where: str) -> ScriptedReply | str:
    if isinstance(raw, str):
        return raw
    try:
        return TypeAdapter(ScriptedReply).validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "unexpected_keyword_argument":
            noun = ToolCall if len(first["loc"]) > 1 else ScriptedReply
            cure = f"no such key; have {', '.join(f.name for f in fields(noun))}"
        else:
            cure = first["msg"]
        raise ScriptError(f"{where}: {key + ': ' if key else ''}{cure}") from error
