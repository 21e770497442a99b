"""What an attack is: a pure function of a case and a seed, with its name and its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from remit.verify.cases import Case
from remit.verify.identity import identified

Family = Literal[
    "encoding", "cipher", "disguise", "noise", "framing", "history", "injection", "split", "turns"
]
Change = Callable[[Case, int], Case]

MOST = 50_000
"""Characters of the last turn, the ask, at most: some encodings make it ten times as long."""


class AttackError(ValueError):
    """An attack cannot be found, or cannot be carried out on this case; the message says why."""


@dataclass(frozen=True, slots=True)
class Attack:
    """A public way to make a model do what it should not.

    `aims_at` is the weakness it tries; `source` the paper or tool it comes from; `approximate`
    says where it does less than its source, empty where it is the same idea. The case's last turn
    is what is asked, and what is transformed; the turns before it stay. `recover` finds the ask
    in the transformed conversation again, which proves that nothing of it was lost. A `random`
    attack is another one for each seed: best-of-n tries several.
    """

    name: str
    family: Family
    aims_at: str
    source: str
    change: Change
    recover: Callable[[Case], str] | None = None
    random: bool = False
    approximate: str = ""

    def __call__(self, case: Case, seed: int = 0) -> Case:
        """The case under this attack, with its own id and the same seed scenario.

        Raises AttackError where there is nothing to transform or too much of it.
        """
        if not case.turns or not case.turns[-1].strip():
            raise AttackError(f"attack {self.name}: case {case.id} asks nothing; give it a turn")
        if len(case.turns[-1]) > MOST:
            raise AttackError(
                f"attack {self.name}: the last turn of case {case.id} is longer than {MOST} "
                "characters; shorten it"
            )
        changed = self.change(case, seed)
        name = f"{case.attack}+{self.name}" if case.attack else self.name
        meta = {**changed.meta, "draw": str(seed)} if self.random else changed.meta
        return identified(replace(changed, attack=name, meta=meta))


def composed(*attacks: Attack) -> Attack:
    """One attack after the other, the first one first. Raises AttackError where there is none."""
    if not attacks:
        raise AttackError("an attack is composed of at least one; write a name, or a+b")
    if len(attacks) == 1:
        return attacks[0]

    def change(case: Case, seed: int) -> Case:
        for attack in attacks:
            case = attack.change(case, seed)
            if len(case.turns[-1]) > MOST:
                raise AttackError(
                    f"attack {attack.name}: the ask has grown longer than {MOST} characters; "
                    "compose fewer"
                )
        return case

    return Attack(
        name="+".join(attack.name for attack in attacks),
        family=attacks[-1].family,
        aims_at="; ".join(attack.aims_at for attack in attacks),
        source="; ".join(dict.fromkeys(attack.source for attack in attacks)),
        change=change,
        random=any(attack.random for attack in attacks),
        approximate="; ".join(filter(None, (attack.approximate for attack in attacks))),
    )


def ask(case: Case) -> str:
    """The text of the last turn."""
    return case.turns[-1]


def asking(case: Case, text: str) -> Case:
    """The case with another last turn."""
    return replace(case, turns=(*case.turns[:-1], text))


def rewriting(rewrite: Callable[[str], str]) -> Change:
    """An attack's change that rewrites the last turn and draws nothing."""
    return lambda case, _seed: asking(case, rewrite(ask(case)))


def introduced(introduction: str, body: str) -> str:
    """An introduction of one paragraph and the body after it; `body_of` cuts it off again."""
    return f"{introduction}\n\n{body}"


def body_of(text: str) -> str:
    """What stands after the first paragraph."""
    return text.partition("\n\n")[2]
