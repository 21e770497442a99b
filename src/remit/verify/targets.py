"""What is verified: a model by itself, or with the remit's prompt and guard around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from remit.layers.guard import Guard
from remit.layers.prompt import Prompt, canary, compile_prompt
from remit.policy import Policy
from remit.types import Message
from remit.verify.upstream import Upstream
from remit.verify.wire import Answer

Layer = Literal["prompt", "guard"]
LAYERS: tuple[Layer, ...] = get_args(Layer)

GUARDED = "guard:"
"""How a reply's finish begins where the guard spoke in the model's place; its action follows."""

# Verification plants its own marker: a known secret is no loss where nothing is served.
_SECRET = b"remit verification, not a secret"


class Target(Protocol):
    """Something to be verified."""

    @property
    def name(self) -> str:
        """What it is called in results."""
        ...

    @property
    def upstream(self) -> Upstream:
        """The model behind it."""
        ...

    async def reply(self, messages: Sequence[Message], repeat: int) -> Answer:
        """What it says to a conversation. Raises UpstreamError where it says nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Layered:
    """A model with none, one or both of the remit's layers around it, as the gateway has them.

    Whole replies: a stream's delivery equals it byte by byte, so it need not be played.
    """

    name: str
    upstream: Upstream
    prompt: Prompt | None = None
    guard: Guard | None = None
    canaries: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that are on."""
        on = (self.prompt is not None, self.guard is not None)
        return tuple(layer for layer, here in zip(LAYERS, on, strict=True) if here)

    async def reply(self, messages: Sequence[Message], repeat: int) -> Answer:
        """What a client would receive. Raises UpstreamError where the model says nothing."""
        sent = tuple(messages)
        if self.guard is not None:
            given = await self.guard.ainput(sent)
            if given.answer is not None:
                return Answer(given.answer, f"{GUARDED}{given.action.word}")
            sent = given.messages
        asked, guarded = sent, sent
        if self.prompt is not None and self.prompt.text:
            asked = (Message("system", self.prompt.text), *sent)
            guarded = (Message("system", self.prompt.guarded), *sent)
        answer = await self.upstream.ask(asked, repeat)
        if self.guard is None:
            return answer
        turns = (*guarded, Message("assistant", answer.text))
        passed = await self.guard.aoutput(turns, canaries=self.canaries)
        if passed.text == answer.text:
            return answer
        finish = f"{GUARDED}{passed.verdict.action.word}"
        spent = (answer.tokens_in, answer.tokens_out)
        return Answer(passed.text, finish, answer.served_by, *spent)


def marker(policy: Policy) -> str:
    """The canary that is planted in a target's instructions; graders look for it in replies."""
    return canary(_SECRET, policy.digest) if policy.rules else ""


def layered(
    name: str, upstream: Upstream, policy: Policy, layers: Sequence[Layer], guard: Guard | None
) -> Layered:
    """A target with these layers. `guard` is the compiled remit, used where `guard` is asked.

    Raises PromptError where the remit's instructions do not fit their budget.
    """
    prompt, planted = None, marker(policy)
    if "prompt" in layers:
        budget = policy.delivery.prompt_tokens
        prompt = compile_prompt(policy, tokens=budget, canary=planted or None)
    shields = guard if "guard" in layers else None
    canaries = (planted,) if prompt is not None and planted else ()
    return Layered(name, upstream, prompt, shields, canaries)


def rungs(upstream: Upstream, policy: Policy, guard: Guard) -> list[Layered]:
    """The ladder: the bare model, with the prompt, and with prompt and guard."""
    steps: tuple[tuple[str, tuple[Layer, ...]], ...] = (
        ("bare", ()),
        ("+ prompt", ("prompt",)),
        ("+ guard", ("prompt", "guard")),
    )
    return [
        layered(f"{upstream.name} {step}", upstream, policy, layers, guard)
        for step, layers in steps
    ]
