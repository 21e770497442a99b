"""What cannot be served is refused before anybody asks."""

import asyncio
import re

import pytest
from scene import EMPTY, rules, serving

from remit.gateway.options import ServeOptions, StartError, is_loopback
from remit.gateway.run import run
from remit.models.scripted import Scripted
from remit.policy import PolicyError


def played(tmp_path, scene_of, model=None, **more):
    async def main():
        remit = more.pop("remit", rules())
        async with serving(tmp_path, remit, model or Scripted(["Fine."]), **more) as scene:
            return await asyncio.wait_for(scene_of(scene), 20)

    return asyncio.run(main())


JUDGED = """\
remit: 1
organisation: Hollis
responsible: {owner: Ann}
rules:
  - id: kind
    says: Is kind.
    because: It is better.
    owner: Ann
    detect: [{judge: default}]
    then: {output: block}
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": "0.0.0.0"}, "give clients keys"),
        ({"host": "::"}, "give clients keys"),
        ({"host": "192.0.2.1"}, "give clients keys"),
        ({"host": "example.com"}, "give clients keys"),
        ({"upstream": "ftp://x"}, "no upstream 'ftp://x'"),
        ({"upstream": "nonsense"}, "no upstream 'nonsense'"),
        ({"upstream": "http://x/v1?a=b"}, "upstream http://x/v1?a=b: "),
        ({"keys": "none.json"}, "no key file"),
        ({"evidence": "/proc/nothing/here.db"}, "give another place with --evidence"),
        ({"script": "none.yaml"}, "script none.yaml: "),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_what_cannot_be_served_is_refused_with_the_cure(change, message, workers, tmp_path):
    remit = tmp_path / "remit.yaml"
    remit.write_text(EMPTY)
    given = {"evidence": str(tmp_path / "e.db"), "port": 0, "upstream": "scripted", **change}
    with pytest.raises(StartError, match=re.escape(message)):
        run(ServeOptions(str(remit), workers=workers, **given), say=lambda _: None)


def test_a_rule_that_nobody_can_judge_stops_the_start(tmp_path):
    remit = tmp_path / "remit.yaml"
    remit.write_text(JUDGED)
    options = ServeOptions(str(remit), upstream="scripted", evidence=str(tmp_path / "e.db"), port=0)
    with pytest.raises((StartError, PolicyError), match=r"kind.*judge"):
        run(options, say=lambda _: None)
    assert not (tmp_path / "e.db-wal").exists()


def test_a_taken_port_is_told(tmp_path):
    remit = tmp_path / "remit.yaml"
    remit.write_text(EMPTY)

    async def scene_of(scene):
        options = ServeOptions(
            str(remit), upstream="scripted", evidence=str(tmp_path / "e.db"), port=scene.port
        )
        with pytest.raises(StartError, match="choose another with --port"):
            await asyncio.to_thread(run, options, lambda _: None)

    played(tmp_path, scene_of)


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("localhost.", False),
        ("example.com", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host, inside):
    assert is_loopback(host) is inside
