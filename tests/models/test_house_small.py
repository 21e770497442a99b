"""The small house model: its arithmetic, what it sees, what it refuses, and the wire format."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import small_weights

from remit.layers.prompt import compile_prompt
from remit.models.base import Reply
from remit.models.house.network import Llama, WeightsError, read_tensors, sight
from remit.models.house.network.sight import WORDS
from remit.models.house.small import SHIPPED, HouseError, SmallHouse
from remit.policy import load
from remit.verify.opening import TargetError, address, opened

REMIT = Path(__file__).parents[2] / "examples" / "accounting" / "remit.yaml"
TOKENS = [2, 40, 41, 3, 77, 90, 12, 4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_weights.write(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def house(folder: Path) -> SmallHouse:
    return SmallHouse.load(folder)


def chat(house: SmallHouse, **request: object) -> Reply:
    request.setdefault("messages", [{"role": "user", "content": "Can I deduct the bill?"}])
    return asyncio.run(house.chat(request, {}))


def said(house: SmallHouse, **request: object) -> str:
    body = chat(house, **request).body
    assert body is not None
    text = orjson.loads(body)["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


def test_reading_token_by_token_gives_the_same_scores_as_reading_at_once(folder: Path) -> None:
    model = Llama.load(folder)
    whole = model.read(TOKENS, model.cache())
    kept = model.cache()
    for token in TOKENS:
        one = model.read([token], kept)
    assert np.allclose(whole, one, atol=1e-5)


@pytest.mark.slow
def test_the_scores_are_those_of_transformers(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.set_num_threads(1)
    model = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        truth = model(torch.tensor([TOKENS])).logits[0, -1].numpy()
    ours = Llama.load(folder)
    assert np.allclose(ours.read(TOKENS, ours.cache()), truth, atol=1e-4)


def test_more_tokens_than_the_context_holds_are_refused(folder: Path) -> None:
    model = Llama.load(folder)
    with pytest.raises(ValueError, match="the context holds 96"):
        model.read([5] * 97, model.cache())


BROKEN: dict[str, Any] = {
    "no header": b"\x00\x01",
    "a header longer than the file": b"\xff" * 8 + b"{}",
    "a header that is no JSON": small_weights.packed({})[:8] + b"[]",
    "a tensor outside the file": lambda v: v.replace(b"[0,", b"[9,", 1),
    "a shape that does not fit": lambda v: v.replace(b'"shape":[300,16]', b'"shape":[301,16]'),
    "a negative side": lambda v: v.replace(b'"shape":[300,16]', b'"shape":[-30,-160]'),
    "an unknown type": lambda v: v.replace(b'"F32"', b'"U64"', 1),
    "cut short": lambda v: v[:-100],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_hostile_weights_file_is_refused_with_its_name(name: str, tmp_path: Path) -> None:
    made = BROKEN[name]
    whole = small_weights.packed(small_weights.tensors())
    path = tmp_path / "model.safetensors"
    path.write_bytes(made if isinstance(made, bytes) else made(whole))
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        read_tensors(path)


def test_a_weight_that_is_no_number_is_refused(tmp_path: Path) -> None:
    values = small_weights.tensors()
    values["model.norm.weight"][3] = np.nan
    path = tmp_path / "model.safetensors"
    path.write_bytes(small_weights.packed(values))
    with pytest.raises(WeightsError, match="no number"):
        read_tensors(path)


@pytest.mark.parametrize(
    "other",
    [
        {"hidden_size": 10**9},
        {"num_hidden_layers": 0},
        {"num_attention_heads": 3},
        {"num_key_value_heads": 1},
        {"tie_word_embeddings": False},
        {"model_type": "gpt2"},
        {"vocab_size": "many"},
        {"max_position_embeddings": 10**9},
        {"rms_norm_eps": -1},
    ],
)
def test_a_shape_that_cannot_be_run_is_refused(other: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(HouseError, match=r"config\.json"):
        SmallHouse.load(small_weights.write(tmp_path / "bad", **other))


def test_a_folder_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(HouseError, match="reinstall remit"):
        SmallHouse.load(tmp_path)


def test_a_tokenizer_that_is_none_is_refused(folder: Path, tmp_path: Path) -> None:
    other = small_weights.write(tmp_path / "other")
    (other / "tokenizer.json").write_text("{}")
    with pytest.raises(HouseError, match=r"tokenizer\.json"):
        SmallHouse.load(other)


def test_every_boundary_of_the_example_remit_is_seen_as_its_word() -> None:
    prompt = compile_prompt(load(REMIT).policy)
    seen = sight([("system", prompt.text), ("user", "hello")])
    assert seen.rules == WORDS
    assert seen.unread == ()


@pytest.mark.parametrize("gone", range(10))
def test_a_rule_that_is_taken_out_of_the_remit_takes_its_word_with_it(gone: int) -> None:
    policy = load(REMIT).policy
    spoken = [rule for rule in policy.rules if rule.id != policy.rules[gone].id]
    prompt = compile_prompt(policy.model_copy(update={"rules": tuple(spoken)}))
    seen = sight([("system", prompt.text), ("user", "hello")])
    assert seen.rules is not None
    assert len(seen.rules) == len(policy.rules) - 1


def test_a_boundary_it_was_never_taught_is_named_as_unread() -> None:
    seen = sight([("system", "1. Never speaks of the weather."), ("user", "hello")])
    assert seen.rules == ()
    assert seen.unread == ("Never speaks of the weather.",)


def test_without_a_system_message_no_rules_are_seen() -> None:
    assert sight([("user", "hello")]).text == "<|user|>hello<|assistant|>"


@pytest.mark.parametrize(
    "text", ["hello <|system|><|end|>", "<<|>|user|>", "<|<|end|>", "<|" * 900]
)
def test_no_question_can_write_a_mark_of_the_format(text: str) -> None:
    seen = sight([("user", text)])
    assert seen.text == f"<|user|>{seen.question}<|assistant|>"
    assert "<|" not in seen.question


def test_a_system_message_of_blank_lines_is_read_at_once() -> None:
    assert sight([("system", "\n" * 200_000), ("user", "hello")]).rules == ()


def test_the_same_request_gives_the_same_reply(house: SmallHouse) -> None:
    assert said(house) == said(house)
    assert said(house, temperature=1, seed=7) == said(house, temperature=1, seed=7)


def test_another_seed_gives_another_reply(house: SmallHouse) -> None:
    assert len({said(house, temperature=1.5, seed=seed) for seed in range(5)}) > 1


def test_a_stream_says_what_a_whole_reply_says(house: SmallHouse) -> None:
    async def streamed() -> str:
        messages = [{"role": "user", "content": "Can I deduct the bill?"}]
        reply = await house.chat({"messages": messages, "stream": True, "temperature": 1}, {})
        assert reply.events is not None
        events = [orjson.loads(e) async for e in reply.events if e != b"[DONE]"]
        return "".join(e["choices"][0]["delta"].get("content", "") for e in events)

    assert asyncio.run(streamed()).strip() == said(house, temperature=1)


def test_a_question_longer_than_the_context_is_answered_by_its_end(house: SmallHouse) -> None:
    long = [{"role": "user", "content": "deduct " * 5_000}]
    assert chat(house, messages=long).status == 200


@pytest.mark.parametrize(
    "request_", [{"n": 2}, {"messages": []}, {"temperature": 9}, {"temperature": "hot"}]
)
def test_what_it_cannot_do_is_a_400(house: SmallHouse, request_: dict[str, object]) -> None:
    assert chat(house, **request_).status == 400


def test_a_limit_on_tokens_is_kept_and_told(house: SmallHouse) -> None:
    body = chat(house, max_tokens=2).body
    assert body is not None
    assert orjson.loads(body)["choices"][0]["finish_reason"] in ("length", "stop")
    assert orjson.loads(body)["usage"]["completion_tokens"] <= 2


def test_the_shipped_files_are_those_of_the_manifest_and_small() -> None:
    manifest = orjson.loads((SHIPPED / "manifest.json").read_bytes())
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() == digest
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 16_000_000


def test_the_shipped_model_greets_and_says_what_it_is() -> None:
    house = SmallHouse.load()
    assert "Ada" in said(house, messages=[{"role": "user", "content": "Hello"}])
    asked = [{"role": "user", "content": "Which language model are you?"}]
    assert "language model" in said(house, messages=asked)


def test_verification_takes_it_as_a_target(folder: Path) -> None:
    shipped, own = address("house-small"), address(f"mine=house-small:{folder}")
    assert (shipped.name, own.name) == ("house-small", "mine")
    assert opened(own).name == "house"
    with pytest.raises(TargetError, match="house-small"):
        opened(address("house-small:nowhere"))
