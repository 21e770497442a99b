"""Who may come in: strangers, other pages, clients with and without a key."""

import asyncio

import orjson
import pytest
from raw import ask
from scene import EMPTY, IBAN, chat, rules, serving

from remit.gateway.keys import Keyring, new_key
from remit.gateway.options import ServeOptions
from remit.models.scripted import Scripted


def played(tmp_path, scene_of, model=None, **more):
    async def main():
        remit = more.pop("remit", rules())
        async with serving(tmp_path, remit, model or Scripted(["Fine."]), **more) as scene:
            return await asyncio.wait_for(scene_of(scene), 20)

    return asyncio.run(main())


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "evil.com:80",
        "localhost.evil.com",
        "127.0.0.1.evil.com",
        "10.0.0.1:8400",
        "1",
        "[::2]:80",
        "localhost:8400@evil.com",
        "127.0.0.1:80:80",
        "evil.com:127.0.0.1",
    ],
)
def test_a_name_that_was_bound_to_this_machine_by_somebody_else_is_refused(host, tmp_path):
    async def scene_of(scene):
        for method, path in (("GET", "/"), ("GET", "/health"), ("POST", "/v1/chat/completions")):
            body = orjson.dumps(chat("Hi")) if method == "POST" else b""
            answer = await ask(scene.port, method, path, body, {"host": host})
            assert answer.status == 421
            assert answer.error["code"] == "wrong_host"

    played(tmp_path, scene_of)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8400",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.1.2.3:80",
        "[::1]",
        "[::1]:8400",
    ],
)
def test_this_machines_own_names_are_answered(host, tmp_path):
    async def scene_of(scene):
        assert (await scene.get("/health", headers={"host": host})).status == 200

    played(tmp_path, scene_of)


@pytest.mark.parametrize(
    "origin", ["https://evil.com", "null", "http://127.0.0.1:1", "http://localhost"]
)
def test_another_web_page_may_not_ask(origin, tmp_path):
    async def scene_of(scene):
        answer = await scene.ask(chat("Hi"), headers={"origin": origin})
        assert answer.status == 403
        assert answer.error["code"] == "foreign_origin"
        own = {"origin": f"http://127.0.0.1:{scene.port}"}
        assert (await scene.ask(chat("Hi"), headers=own)).status == 200

    played(tmp_path, scene_of)


# --- keys ----------------------------------------------------------------------------------------


def test_without_a_key_nothing_but_the_health_is_told(tmp_path):
    secret, key = new_key("a")

    async def scene_of(scene):
        for path in ("/v1/models", "/metrics", "/receipts/rct_x", "/static/chat.css", "/"):
            for headers in ({}, bearer("rmt-wrong"), bearer(key.sha256)):
                answer = await scene.get(path, headers=headers)
                assert answer.status == 401, path
                assert answer.error["code"] == "invalid_api_key"
                assert answer.headers["www-authenticate"] == "Bearer"
        assert (await scene.ask(chat("Hi"), headers=bearer("rmt-wrong"))).status == 401
        assert (await scene.ask(chat("Hi"), headers=bearer(secret))).status == 200
        assert (await scene.get("/health", headers={"host": "gateway.example"})).status == 200
        assert len(scene.records()) == 1

    played(tmp_path, scene_of, keyring=Keyring((key,)))


def test_a_clients_key_never_reaches_the_model(tmp_path):
    secret, key = new_key("a")
    options = ServeOptions("x", upstream="http://127.0.0.1:9/v1", keys="k")
    model = Scripted(["Fine."])

    async def scene_of(scene):
        await scene.ask(chat("Hi"), headers=bearer(secret))
        assert secret not in str(scene.records())

    played(tmp_path, scene_of, model, keyring=Keyring((key,)))
    from remit.gateway.building import model_of

    assert model_of(options, options.upstream)._forwards is False


def test_too_many_requests_are_told_when_to_come_back(tmp_path):
    secret, key = new_key("a", per_minute=2)
    other, more = new_key("b")

    async def scene_of(scene):
        answers = [await scene.ask(chat("Hi"), headers=bearer(secret)) for _ in range(3)]
        assert [a.status for a in answers] == [200, 200, 429]
        assert 1 <= int(answers[2].headers["retry-after"]) <= 31
        assert answers[2].error["type"] == "rate_limit_error"
        assert (await scene.ask(chat("Hi"), headers=bearer(other))).status == 200

    played(tmp_path, scene_of, keyring=Keyring((key, more)))


def test_a_key_is_under_the_remit_it_is_bound_to(tmp_path):
    strict = tmp_path / "strict.yaml"
    strict.write_text(rules())
    (free, open_key), (bound, bound_key) = new_key("a"), new_key("b", str(strict))
    model = Scripted([f"Pay to {IBAN}."])

    async def scene_of(scene):
        free_text = (await scene.ask(chat("Hi"), headers=bearer(free))).json
        bound_answer = await scene.ask(chat("Hi"), headers=bearer(bound))
        assert free_text["choices"][0]["message"]["content"] == f"Pay to {IBAN}."
        assert bound_answer.json["choices"][0]["message"]["content"] == "Pay to [iban]."
        digests = {r["policy"] for r in scene.records()}
        assert bound_answer.headers["x-remit-policy"] in digests
        assert len(digests) == 2

    played(tmp_path, scene_of, model, remit=EMPTY, keyring=Keyring((open_key, bound_key)))
