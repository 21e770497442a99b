"""What a client's messages become: passed, masked, taken out, or answered by the rule's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remit.layers.guard.delivery import Masked, mask_whole
from remit.layers.guard.turns import newest_turn, stage_of
from remit.policy import Policy
from remit.policy.answers import answer_text, language_of
from remit.types import Action, Message, Stage, Verdict


@dataclass(frozen=True, slots=True)
class GuardedInput:
    """What may go to the model: the messages with their masks, or the answer in their place.

    `answer` is set where a rule stops the conversation before the model is asked. `judged` holds
    the verdict on each message, by index; `masked` the spans that were masked in it, `withheld`
    what stands in the place of a message that was taken out.
    """

    messages: tuple[Message, ...]
    judged: Mapping[int, Verdict]
    action: Action
    answer: str | None = None
    decisive: str = ""
    masked: Mapping[int, tuple[Masked, ...]] = field(default_factory=dict)
    withheld: Mapping[int, str] = field(default_factory=dict)


def guarded_input(
    policy: Policy, turns: tuple[Message, ...], judged: Mapping[int, Verdict]
) -> GuardedInput:
    """What the verdicts on the messages of a conversation come to."""
    if all(verdict.action <= Action.FLAG for verdict in judged.values()):
        action = max((v.action for v in judged.values()), default=Action.ALLOW)
        return GuardedInput(turns, judged, action)
    newest = newest_turn(turns)
    masked: dict[int, tuple[Masked, ...]] = {}
    withheld: dict[int, str] = {}
    worst, decisive = Action.ALLOW, ""
    for index, verdict in judged.items():
        if verdict.action is Action.REDACT:
            masked[index] = tuple(to_mask(verdict))
        elif verdict.action.stops and _withholds(turns[index], index, newest, verdict):
            withheld[index] = f"[withheld by rule {verdict.decisive_rules[0]}]"
        elif verdict.action.stops and verdict.action > worst:
            decisive = verdict.decisive_rules[0]
        if index >= newest or verdict.action is Action.REDACT:
            worst = max(worst, verdict.action)
    passed = tuple(
        Message(turn.role, _passed(turn.text, masked.get(i), withheld.get(i)), turn.name)
        for i, turn in enumerate(turns)
    )
    answer = words(policy, turns, decisive, worst) if decisive else None
    return GuardedInput(passed, judged, worst, answer, decisive, masked, withheld)


def words(policy: Policy, turns: Sequence[Message], rule: str, action: Action) -> str:
    """The rule's words, in the client's language."""
    return answer_text(policy, policy.rule(rule), action, spoken(policy, turns))


def spoken(policy: Policy, turns: Sequence[Message]) -> str:
    """The language to answer in: that of the client's last message."""
    languages = policy.assistant.languages if policy.assistant else ("en",)
    last = next((t.text for t in reversed(turns) if t.role == "user"), "")
    return language_of(last, languages) if len(languages) > 1 else languages[0]


def _withholds(turn: Message, index: int, newest: int, verdict: Verdict) -> bool:
    """True where the message is taken out instead of ending the conversation."""
    is_result = stage_of(turn) is Stage.TOOL and verdict.action is Action.REPLACE
    return index < newest or is_result


def _passed(text: str, masked: tuple[Masked, ...] | None, withheld: str | None) -> str:
    if withheld is not None:
        return withheld
    return mask_whole(text, list(masked))[0] if masked else text


def to_mask(verdict: Verdict) -> list[Masked]:
    """The spans that a verdict has masked, with their rules."""
    return [
        Masked(span, rule)
        for rule, result in verdict.rules.items()
        if result.action is Action.REDACT
        for span in result.spans
    ]
