"""From remit to system prompt: role, boundaries and what to say instead, within a budget."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal, get_args

from remit.layers.prompt.sections import Section, details, sections
from remit.layers.prompt.tokens import estimate
from remit.policy import Policy

Dialect = Literal["openai", "anthropic"]
DIALECTS: tuple[str, ...] = get_args(Dialect)


class PromptError(ValueError):
    """No prompt can be made; the message names the thing and the cure."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A system prompt. `tokens` is estimated, on the high side; `left_out` names lost details.

    `guarded` is what of `text` must not come back out: `text` without the role, the answers and
    the examples of right replies, which are there to be said. A judged conversation takes it as
    its system message, or `echo: passages` would stop the very answers the remit asks for.
    """

    text: str
    tokens: int
    left_out: tuple[str, ...] = ()
    guarded: str = ""


def compile_prompt(
    policy: Policy,
    *,
    tokens: int | None = None,
    language: str | None = None,
    dialect: Dialect = "openai",
    canary: str | None = None,
) -> Prompt:
    """The system prompt of a remit; empty for a remit with neither assistant nor rules.

    `tokens` is the budget, as `estimate` counts. Details give way to it in this order: reasons,
    then examples, then answers, each from the mildest rule on. A rule's own sentence never does.
    `language` (such as nl) is the one that answers are given in; else all the assistant's.
    `canary` is planted as a reference that must never be written. Raises PromptError where the
    budget is too small, or the language or the dialect unknown.
    """
    _refuse_unknown(policy, language, dialect)
    if policy.assistant is None and not policy.rules:
        return Prompt("", 0)
    losable = details(policy, language)

    def written(count: int, *, sayable: bool = True) -> str:
        """The prompt without the first `count` details, and perhaps without the sayable ones."""
        kept = frozenset(detail for detail in losable[count:] if sayable or not detail.sayable)
        return _written(sections(policy, language, canary, kept, sayable=sayable), dialect)

    # The more is left out, the shorter it is, so the first fit can be searched by halves.
    lost = 0
    if tokens is not None:
        counts = range(len(losable) + 1)
        lost = bisect_left(counts, -tokens, key=lambda count: -estimate(written(count)))
    if lost > len(losable):
        need = estimate(written(len(losable)))
        raise PromptError(
            f"the boundaries alone need {need} tokens and {tokens} are allowed; "
            f"allow {need}, or write shorter sentences under says:"
        )
    text = written(lost)
    left_out = tuple(detail.name for detail in losable[:lost])
    return Prompt(text, estimate(text), left_out, written(lost, sayable=False))


def _refuse_unknown(policy: Policy, language: str | None, dialect: str) -> None:
    if dialect not in DIALECTS:
        raise PromptError(f"no dialect '{dialect}'; have {', '.join(DIALECTS)}")
    spoken = policy.assistant.languages if policy.assistant else ()
    if language is not None and spoken and language not in spoken:
        raise PromptError(f"the assistant does not speak '{language}'; have {', '.join(spoken)}")


def _written(parts: tuple[Section, ...], dialect: str) -> str:
    return "\n\n".join(_section(part, dialect) for part in parts if part.lines)


def _section(part: Section, dialect: str) -> str:
    body = "\n".join(part.lines)
    if dialect == "anthropic":
        tag = part.title.lower().replace(" ", "_")
        return f"<{tag}>\n{body}\n</{tag}>"
    return f"# {part.title}\n{body}"
