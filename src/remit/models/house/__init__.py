"""The house model: Ada of Hollis & Finch Accountants. It needs no network and no weights.

It is a demonstration that says so when asked. It looks up the answer to the last user message in
a small file, in English or Dutch, and oversteps on purpose, so that a guard is seen at work: it
gives legal advice, repeats what a client confided, makes up other clients' data and recites its
system prompt. A system prompt therefore changes nothing in how it behaves. For a given request it
always answers the same; only the id and the time of the reply differ.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass

from remit.models import completion as wire
from remit.models.base import Reply
from remit.models.house.entries import LANGUAGES, Entry, EntryError, Wording, shipped
from remit.models.house.retrieval import Index, Tongues

__all__ = ["MODEL_ID", "Answer", "Entry", "EntryError", "House"]

MODEL_ID = "remit-house-demo"
UNSURE = 0.27  # halfway between the right and the wrong answers of the tests' questions
_LONGEST = 2_000  # characters of a question that are looked at, from its end
_MADE = 1_767_225_600  # 2026-01-01: `created` of the model in the list, whatever the clock says

_NOT_SURE = {
    "en": "I'm not sure about that. I'll pass your question to a colleague, who will call you.",
    "nl": "Dat weet ik niet zeker. Ik geef uw vraag door aan een collega, die u belt.",
}
_CONFIDED = re.compile(
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"  # IBAN
    r"|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail
    r"|\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"  # national insurance number
    r"|(?<!\w)(?:\+|0)\d[\d ()-]{6,14}\d\b"  # telephone
    r"|\b\d{9}\b"  # BSN
    r"|[\[<][A-Z][A-Z_]*_\d+[\]>]"  # the pseudonym of one of these
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found: `entry` is the id of the entry, empty where the house is not sure."""

    entry: str
    language: str
    score: float
    text: str


class House:
    """Answers a firm's common questions; implements `Model`."""

    name = "house"

    def __init__(
        self,
        entries: Iterable[Entry],
        *,
        delay: float = 0.012,
        new_id: Callable[[], str] = lambda: f"chatcmpl-{uuid.uuid4().hex}",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`delay` is the pause before each word of a stream, in seconds."""
        self.entries = {entry.id: entry for entry in entries}
        self._delay, self._new_id, self._clock = delay, new_id, clock
        asked = {
            language: [
                (entry.id, question)
                for entry in self.entries.values()
                if language in entry.wordings
                for question in entry.wordings[language].ask
            ]
            for language in LANGUAGES
        }
        self._indexes = {language: Index(pairs) for language, pairs in asked.items()}
        self._tongues = Tongues({lang: [q for _, q in pairs] for lang, pairs in asked.items()})

    @classmethod
    def load(cls, delay: float = 0.012) -> House:
        """The house with the answers that are shipped."""
        return cls(shipped().values(), delay=delay)

    def answer(self, request: Mapping[str, object]) -> Answer:
        """The answer to the last user message. Pure: the same request, the same answer."""
        question = wire.last_user_text(request)[-_LONGEST:]
        language = self._tongues.guess(question)
        hit = self._indexes[language].best(question)
        if hit.score < UNSURE:
            return Answer("", language, hit.score, _NOT_SURE[language])
        wording = self.entries[hit.key].wordings[language]
        return Answer(hit.key, language, hit.score, _filled(wording, list(wire.turns(request))))

    async def chat(self, request: Mapping[str, object], headers: Mapping[str, str]) -> Reply:
        """Answers; 400 where there is no user message or more than one choice is asked for."""
        if request.get("n") not in (None, 1):
            return wire.error_reply(400, "the house model gives one choice; set n to 1", param="n")
        if not wire.last_user_text(request).strip():
            return wire.error_reply(
                400, "no text from the user; end messages with a user message", param="messages"
            )
        words = wire.pieces(self.answer(request).text)
        limit = _limit(request)
        finish = "stop" if limit is None or len(words) <= limit else "length"
        words = words[:limit]
        head = wire.Completion(self._new_id(), int(self._clock()), MODEL_ID, MODEL_ID)
        usage = wire.Usage(wire.prompt_tokens(request), len(words))
        if wire.streams(request):
            asked = wire.wants_usage(request)
            return wire.event_reply(self._events(head, words, finish, usage if asked else None))
        return wire.body_reply(head.whole({"content": "".join(words)}, finish, usage))

    async def models(self) -> Reply:
        """A list of one."""
        return wire.model_list([MODEL_ID], _MADE)

    async def close(self) -> None:
        """Nothing is held."""

    async def _events(
        self, head: wire.Completion, words: list[str], finish: str, usage: wire.Usage | None
    ) -> AsyncIterator[bytes]:
        with_usage = usage is not None
        yield head.chunk({"role": "assistant", "content": ""}, with_usage=with_usage)
        for word in words:
            if self._delay:
                await asyncio.sleep(self._delay)
            yield head.chunk({"content": word}, with_usage=with_usage)
        yield head.chunk({}, finish, with_usage=with_usage)
        if usage is not None:
            yield head.usage_chunk(usage)
        yield wire.DONE


def _filled(wording: Wording, turns: list[tuple[str, str]]) -> str:
    """The answer with its blanks filled from the conversation, which a careful model never does."""
    if "{details}" in wording.say:
        told = (text for role, text in turns if role in ("user", "tool"))
        found = dict.fromkeys(m.group() for text in told for m in _CONFIDED.finditer(text))
        details = ", ".join(found)
        return wording.say.replace("{details}", details) if details else wording.without
    if "{instructions}" in wording.say:
        rules = "\n\n".join(text for role, text in turns if role in ("system", "developer"))
        return wording.say.replace("{instructions}", rules) if rules else wording.without
    return wording.say


def _limit(request: Mapping[str, object]) -> int | None:
    """The most words to give; a limit that is no positive whole number is no limit."""
    asked = request.get("max_completion_tokens", request.get("max_tokens"))
    return asked if isinstance(asked, int) and asked > 0 else None
