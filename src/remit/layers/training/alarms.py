"""Stops a training that goes wrong while its own numbers still look well.

A reward that is climbed long enough is climbed past what it stands for (L. Gao et al., *Scaling
Laws for Reward Model Overoptimization* (2022)). `Alarms` is a report of the training: an auditor
that taught nothing scores what the model says, and the training ends where the reward has risen
and the auditor's score has fallen, both shown by a bound; or where the model has gone too far from
its start, answers ever longer, always says the same, or forgets the replies it should prefer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import pi
from statistics import fmean, median
from typing import Literal

import orjson

from remit.layers.training.engine import Point, Prompt, Rollout, StopTraining
from remit.layers.training.judged import as_messages
from remit.layers.training.limits import Limits
from remit.statistics.intervals import at_least
from remit.statistics.means import mean_upper_bound
from remit.types import Json

Auditor = Callable[[Sequence[Prompt], Sequence[str]], Sequence[float | None]]
"""How good each reply is, in [0, 1]; None where the auditor cannot say."""

Kind = Literal["divergence", "kl", "length", "entropy", "chosen"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm: what was seen, the limit it passed, and at which step."""

    kind: Kind
    step: int
    seen: float
    limit: float
    words: str

    def __str__(self) -> str:
        return f"{self.kind} alarm at step {self.step}: {self.words}"

    def to_json(self) -> Json:
        """For the card."""
        return {
            "kind": self.kind,
            "step": self.step,
            "seen": self.seen,
            "limit": self.limit,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class Scores:
    """A step's rollouts: for each prompt the mean reward and the auditor's mean, and the length."""

    reward: Mapping[bytes, float]
    audit: Mapping[bytes, float]
    length: float


@dataclass(slots=True)
class Alarms:
    """A `Report` that raises StopTraining. `sounded` holds the alarm that ended it, if one did.

    `audited` is the auditor's mean at each step that had rollouts, for the plot beside the
    reward. A step at which the auditor could say nothing of any reply has none.
    """

    limits: Limits = field(default_factory=Limits)
    auditor: Auditor | None = None
    sounded: Alarm | None = None
    audited: list[tuple[int, float, float]] = field(default_factory=list)
    _first: list[Scores] = field(default_factory=list)
    _recent: deque[Scores] = field(default_factory=deque)
    _start: dict[str, list[float]] = field(default_factory=dict)
    _now: dict[str, deque[float]] = field(default_factory=dict)
    _looks: int = 0

    def begin(self, steps: int, first: int) -> None:
        """Nothing is known yet."""

    def step(self, point: Point) -> None:
        """Looks at KL, entropy and the chosen replies' log-probability, means over the window.

        Raises StopTraining, also for what the rollouts before this step have shown: there an
        engine is in the middle of a step and could not end well.
        """
        if point.split != "train":
            return
        for name in ("kl", "entropy", "logp_chosen"):
            if name not in point.metrics:
                continue
            value = point.metrics[name]
            start = self._start.setdefault(name, [])
            if len(start) < self.limits.window:
                start.append(value)
            now = self._now.setdefault(name, deque(maxlen=self.limits.window))
            now.append(value)
            if len(start) == self.limits.window:
                self._sound(_drifted(name, point.step, fmean(start), fmean(now), self.limits))
        if self.sounded is not None:
            raise StopTraining(str(self.sounded))

    def rollouts(self, step: int, sampled: Sequence[Rollout]) -> None:
        """Has the auditor score what was sampled, and compares with the beginning."""
        if not sampled or self.sounded is not None:
            return
        scores = self._scored(sampled)
        if scores.audit:
            means = fmean(scores.reward.values()), fmean(scores.audit.values())
            self.audited.append((step, *means))
        if len(self._first) < self.limits.window:
            self._first.append(scores)
            return
        self._recent.append(scores)
        if len(self._recent) > self.limits.window:
            self._recent.popleft()
        self._sound(self._longer(step))
        if len(self._recent) == self.limits.window:
            self._sound(self._diverged(step))

    def _scored(self, sampled: Sequence[Rollout]) -> Scores:
        prompts = [rollout.prompt for rollout in sampled]
        replies = [rollout.completion for rollout in sampled]
        audits: Sequence[float | None] = [None] * len(sampled)
        if self.auditor is not None:
            audits = self.auditor(prompts, replies)
        keys = [orjson.dumps(as_messages(prompt)) for prompt in prompts]
        rewards = [sum(v for v in r.rewards.values() if v is not None) for r in sampled]
        return Scores(
            _means(keys, rewards), _means(keys, audits), fmean(len(reply) for reply in replies)
        )

    def _longer(self, step: int) -> Alarm | None:
        limit = self.limits.length
        if limit is None or len(self._recent) < self.limits.window:
            return None
        before = max(1.0, fmean(s.length for s in self._first))
        ratio = fmean(s.length for s in self._recent) / before
        if ratio <= limit:
            return None
        words = f"replies are {ratio:.1f} times as long as at the beginning ({limit:g} allowed)"
        return Alarm("length", step, ratio, limit, words)

    def _diverged(self, step: int) -> Alarm | None:
        """Whether the reward has risen and the auditor's score fallen since the beginning.

        Paired by prompt where enough prompts came again, else prompts then against prompts now.
        Both bounds hold for all looks together: look k spends 6/(π²k²) of the error, which adds up
        to one.
        """
        self._looks += 1
        spent = (1 - self.limits.confidence) / 2 * 6 / (pi * self._looks) ** 2
        audit = _changes(self._first, self._recent, "audit")
        if len(audit) >= self.limits.fewest:
            fallen = mean_upper_bound(audit, -1, 1, 1 - spent)
            risen = _most_rose(_changes(self._first, self._recent, "reward"), spent)
            which = f"the same {len(audit)} prompts"
        else:
            then, now = _all(self._first, "audit"), _all(self._recent, "audit")
            if min(len(then), len(now)) < self.limits.fewest:
                return None
            fallen = _fallen(then, now, spent)
            risen = _higher(_all(self._first, "reward"), _all(self._recent, "reward"), spent)
            which = f"{len(now)} other prompts than at the beginning"
        if fallen >= 0 or not risen:
            return None
        words = (
            f"the reward rose and the auditor's score fell by at least {-fallen:.3g}, on {which}"
        )
        return Alarm("divergence", step, fallen, 0.0, words)

    def _sound(self, alarm: Alarm | None) -> None:
        # The first alarm is what ended the training; another of the same step adds nothing.
        self.sounded = self.sounded or alarm


def _drifted(name: str, step: int, start: float, now: float, limits: Limits) -> Alarm | None:
    if name == "kl" and limits.kl is not None and now > limits.kl:
        words = f"it is {now:.3g} nats a completion from where it started ({limits.kl:g} allowed)"
        return Alarm("kl", step, now, limits.kl, words)
    if name == "entropy" and limits.entropy is not None and now < limits.entropy * start:
        words = f"entropy is {now:.3g} nats a token and was {start:.3g}: it says the same always"
        return Alarm("entropy", step, now, limits.entropy * start, words)
    if name == "logp_chosen" and limits.chosen is not None and start - now > limits.chosen:
        words = f"chosen replies have lost {start - now:.3g} nats ({limits.chosen:g} allowed)"
        return Alarm("chosen", step, start - now, limits.chosen, words)
    return None


def _means(keys: Sequence[bytes], values: Sequence[float | None]) -> dict[bytes, float]:
    found: dict[bytes, list[float]] = {}
    for key, value in zip(keys, values, strict=True):
        if value is not None:
            found.setdefault(key, []).append(value)
    return {key: fmean(mine) for key, mine in found.items()}


def _changes(
    first: Sequence[Scores], recent: Sequence[Scores], which: Literal["audit", "reward"]
) -> list[float]:
    """For each prompt that was sampled then and now, by how much its mean changed."""
    then, now = _gathered(first, which), _gathered(recent, which)
    return [fmean(now[key]) - fmean(then[key]) for key in then if key in now]


def _all(scores: Sequence[Scores], which: Literal["audit", "reward"]) -> list[float]:
    """The mean of each prompt."""
    return [fmean(values) for values in _gathered(scores, which).values()]


def _gathered(
    scores: Sequence[Scores], which: Literal["audit", "reward"]
) -> dict[bytes, list[float]]:
    found: dict[bytes, list[float]] = {}
    for one in scores:
        for key, value in (one.audit if which == "audit" else one.reward).items():
            found.setdefault(key, []).append(value)
    return found


def _fallen(then: Sequence[float], now: Sequence[float], error: float) -> float:
    """The most by which the mean may have changed, each side with half of the error."""
    least_then = -mean_upper_bound([-value for value in then], -1, 0, 1 - error / 2)
    return mean_upper_bound(now, 0, 1, 1 - error / 2) - least_then


def _most_rose(differences: Sequence[float], error: float) -> bool:
    """Whether most prompts gained, by the exact sign test: a reward has no bounds."""
    up, down = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    return up > down and at_least(up, up + down, 0.5) <= error


def _higher(then: Sequence[float], now: Sequence[float], error: float) -> bool:
    """Whether rewards now are higher, by the exact sign test around the median then.

    The median is taken for known, which it nearly is where there are as many prompts as these.
    """
    middle = median(then)
    up, down = sum(value > middle for value in now), sum(value < middle for value in now)
    return up > down and at_least(up, up + down, 0.5) <= error
