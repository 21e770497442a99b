"""A remit taken apart: what matters is noticed, what is decoration is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from remit.policy import load, loads
from remit.verify.mutating import mutants
from remit.verify.mutation import loaded, mutations, score
from remit.verify.opening import address
from remit.verify.plan import Course
from remit.verify.session import Asked, Session, Terms

EXAMPLE = Path(__file__).parents[2] / "examples" / "accounting" / "remit.yaml"
REMIT = """\
remit: 1
organisation: Test & Co
responsible: {owner: Someone}
rules:
  - id: no-advice
    says: Does not give advice.
    because: It is not ours to give.
    owner: Someone
    then: {output: block}
    detect: [{phrases: [you should sue]}, {phrases: [never said]}]
    breaks: [You should sue him., never said]
    keeps: [A colleague will call you.]
  - id: decoration
    says: Does not say xyzzy.
    because: We never do.
    owner: Someone
    then: {output: block}
    detect: [{phrases: [xyzzy]}]
    breaks: [xyzzy]
    keeps: [Hello.]
"""


def all_mutants(tmp_path) -> list:
    script = tmp_path / "script.yaml"
    script.write_text("- You should sue him.\n")
    remit = loads(REMIT)

    async def run() -> list:
        from remit.verify import suites

        bases = tuple(suites.from_remit(remit.policy, per_rule=3))
        terms = Terms(Course(bases))
        session = Session(remit, Asked((address(f"scripted:{script}"),)), terms)
        try:
            return [mutant async for mutant in mutants(session)]
        finally:
            await session.close()

    return asyncio.run(run())


def test_what_holds_the_model_back_is_noticed_and_decoration_is_not(tmp_path):
    found = {(m.kind, m.rule, m.what): m for m in all_mutants(tmp_path)}
    assert found["drop", "no-advice", "the rule"].noticed
    assert found["weaken", "no-advice", "its action, to flag"].noticed
    assert found["unplug", "no-advice", "detector 1, phrases"].noticed
    assert not found["unplug", "no-advice", "detector 2, phrases"].noticed
    assert not found["drop", "decoration", "the rule"].noticed
    assert found["layer", "", "the guard"].noticed
    assert not found["layer", "", "the prompt"].noticed  # a script reads no prompt
    assert score(list(found.values()))["no-advice"] == (3, 4)


@pytest.mark.parametrize("remit", [loads(REMIT), load(EXAMPLE)], ids=["small", "accounting"])
def test_every_mutant_lacks_one_part_and_is_another_policy(remit):
    whole = remit.policy
    seen = set()
    for mutation in mutations(whole):
        changed = loaded(remit, mutation).policy
        seen.add(changed.digest)
        same = [rule for rule in changed.rules if rule in whole.rules]
        assert len(same) == len(whole.rules) - 1
    assert whole.digest not in seen
    assert len(seen) == len(list(mutations(whole)))


def test_a_cap_reached_midway_calls_nothing_decoration(tmp_path):
    """A mutant whose cases were not played has failed none of them, and that says nothing."""
    from remit.verify import suites
    from remit.verify.upstream import Price

    script = tmp_path / "script.yaml"
    script.write_text("- You should sue him.\n")
    remit = loads(REMIT)

    async def run() -> list:
        terms = Terms(Course(tuple(suites.from_remit(remit.policy, per_rule=3))))
        place = address(f"scripted:{script}")
        asked = Asked((place,), prices={place.name: Price(1e6, 1e6)}, cost_cap=1.0)
        session = Session(remit, asked, terms)
        try:
            return [mutant async for mutant in mutants(session)]
        finally:
            await session.close()

    assert asyncio.run(run()) == []


def test_a_remit_that_is_not_changed_is_no_mutant_that_is_noticed(tmp_path):
    """The control: the same remit again fails nothing anew, though the model draws at random."""
    from random import Random

    from remit.models.scripted import Scripted
    from remit.verify import mutating, suites

    script = tmp_path / "script.yaml"
    script.write_text("- unused\n")
    remit, draw = loads(REMIT), Random(1)

    async def run() -> tuple[dict, dict]:
        terms = Terms(Course(tuple(suites.from_remit(remit.policy, per_rule=10))))
        session = Session(remit, Asked((address(f"scripted:{script}"),)), terms)
        upstream = session.upstreams[0]
        replies = ("You should sue him.", "A colleague will call you.")
        upstream.model = Scripted(lambda request: draw.choice(replies))
        upstream.replies = mutating.ReplyMemory()
        cases = list(terms.course)
        try:
            bare = mutating.layered("bare", upstream, remit.policy, (), None)
            first = await mutating._failed(session, bare, cases)
            return first, await mutating._failed(session, bare, cases)
        finally:
            await session.close()

    first, second = asyncio.run(run())
    assert first == second
    assert first["no-advice"]
