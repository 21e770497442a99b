"""Published guard models: how each is asked in a chat, and how its answer is read, strictly.

The served model's own chat template builds the prompt, from messages and from what is passed as
`chat_template_kwargs` (vLLM, SGLang, TGI). An answer that is not one of the published forms is no
answer. Sources: the model cards of Llama Guard 3, Prompt Guard 2, Granite Guardian 3.0 to 3.3,
ShieldGemma, WildGuard and Qwen3Guard-Gen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from remit.types import Detection, Interaction, Json, Message, Outcome

Read = Callable[[str, str], Outcome | None]


@dataclass(frozen=True, slots=True)
class Family:
    """One family of guard models.

    `name` is the published model, `options` the request's extras from the rule's statement and
    risk, `read` the outcome from an answer and the judged message's role, None where it is none.
    """

    name: str
    options: Callable[[str, str], Json]
    read: Read
    max_tokens: int = 20


def messages(context: Interaction, text: str) -> list[Json]:
    """The judged message, behind the question it answers where the assistant says it.

    Guard templates take one question and one answer; a tool's words are asked as a client's.
    """
    role = context.messages[-1].role if context.messages else "user"
    if role != "assistant":
        return [{"role": "user", "content": text}]
    asked = [message for message in context.before if message.role == "user"]
    question = asked[-1] if asked else Message("user", "")
    return [{"role": "user", "content": question.text}, {"role": "assistant", "content": text}]


def _labels(pattern: str, violated: str, reason: str) -> Read:
    """Reads an answer that is a whole match; its first group names the outcome."""
    form = re.compile(pattern, re.IGNORECASE | re.DOTALL)

    def read(answer: str, _role: str) -> Outcome | None:
        match = form.fullmatch(answer.strip())
        if match is None:
            return None
        if not re.fullmatch(violated, match[1], re.IGNORECASE):
            return Detection(0.0)
        named = f": {match[2].strip()}" if form.groups > 1 and match[2] else ""
        return Detection(1.0, (), reason + named)

    return read


_WILDGUARD = re.compile(
    r"Harmful request: (yes|no)\s+Response refusal: (?:yes|no|n/a)\s+"
    r"Harmful response: (yes|no|n/a)",
    re.IGNORECASE,
)


def _read_wildguard(answer: str, role: str) -> Outcome | None:
    match = _WILDGUARD.fullmatch(answer.strip())
    said = match[2 if role == "assistant" else 1].lower() if match else "n/a"
    if said == "n/a":
        return None
    return Detection(float(said == "yes"), (), "WildGuard: harmful" if said == "yes" else "")


def _nothing(_says: str, _risk: str) -> Json:
    return {}


def _granite(_says: str, risk: str) -> Json:
    return {"chat_template_kwargs": {"guardian_config": {"risk_name": risk or "harm"}}}


def _shieldgemma(says: str, risk: str) -> Json:
    return {"chat_template_kwargs": {"guideline": risk or says}}


FAMILIES: Mapping[str, Family] = {
    "llama-guard": Family(
        "meta-llama/Llama-Guard-3-8B",
        _nothing,
        _labels(
            r"(safe(?!\s*\S)|unsafe)(?:\s*\n\s*(S\d{1,2}(?:\s*,\s*S\d{1,2})*))?",
            "unsafe",
            "Llama Guard: unsafe",
        ),
    ),
    "prompt-guard": Family(
        "meta-llama/Llama-Prompt-Guard-2-86M",
        _nothing,
        _labels(
            r"(benign|malicious|injection|jailbreak|label_[01])",
            "malicious|injection|jailbreak|label_1",
            "Prompt Guard: attack",
        ),
    ),
    "granite-guardian": Family(
        "ibm-granite/granite-guardian-3.3-8b",
        _granite,
        _labels(
            r"(?:<think>.*</think>\s*)?(?:<score>\s*)?(yes|no)(?:\s*</score>)?"
            r"(?:\s*<confidence>\s*(?:high|low)\s*</confidence>)?",
            "yes",
            "Granite Guardian: yes",
        ),
        2_048,
    ),
    "shieldgemma": Family(
        "google/shieldgemma-2b",
        _shieldgemma,
        _labels(r"(yes|no)(?:\b.*)?", "yes", "ShieldGemma: yes"),
    ),
    "wildguard": Family("allenai/wildguard", _nothing, _read_wildguard, 40),
    "qwen3guard": Family(
        "Qwen/Qwen3Guard-Gen-4B",
        _nothing,
        _labels(
            r"Safety: (safe|unsafe|controversial)\s+Categories: ([^\n]+)"
            r"(?:\s+Refusal: (?:yes|no))?",
            "unsafe|controversial",
            "Qwen3Guard",
        ),
        60,
    ),
}
