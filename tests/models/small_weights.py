"""A small model's folder with random weights, written by hand: the format is the test's own."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

WIDTH, LAYERS, HEADS, INNER, VOCABULARY, CONTEXT = 16, 2, 2, 24, 300, 96
SPECIAL = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def config(**other: Any) -> dict[str, Any]:
    """What config.json says."""
    return {
        "model_type": "llama", "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "intermediate_size": INNER,
        "vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_theta": 10_000.0, "rope_type": "default"},
        "tie_word_embeddings": True, "eos_token_id": 1, **other,
    }  # fmt: skip


def tensors(seed: int = 0) -> dict[str, Any]:
    """Random weights of that shape."""
    rng = np.random.default_rng(seed)
    sides: dict[str, tuple[int, ...]] = {
        "embed_tokens.weight": (VOCABULARY, WIDTH), "norm.weight": (WIDTH,),
    }  # fmt: skip
    for layer in range(LAYERS):
        for name in "qkvo":
            sides[f"layers.{layer}.self_attn.{name}_proj.weight"] = (WIDTH, WIDTH)
        sides[f"layers.{layer}.mlp.gate_proj.weight"] = (INNER, WIDTH)
        sides[f"layers.{layer}.mlp.up_proj.weight"] = (INNER, WIDTH)
        sides[f"layers.{layer}.mlp.down_proj.weight"] = (WIDTH, INNER)
        sides[f"layers.{layer}.input_layernorm.weight"] = (WIDTH,)
        sides[f"layers.{layer}.post_attention_layernorm.weight"] = (WIDTH,)
    return {f"model.{n}": rng.normal(size=s).astype("<f4") * 0.5 for n, s in sides.items()}


def packed(values: dict[str, Any]) -> bytes:
    """The bytes of a safetensors file."""
    header, body = {}, b""
    for name, value in values.items():
        kind = {"float16": "F16", "float32": "F32"}[str(value.dtype)]
        offsets = [len(body), len(body) + value.nbytes]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": offsets}
        body += value.tobytes()
    head = orjson.dumps(header)
    return struct.pack("<Q", len(head)) + head + body


def write(folder: Path, **other: Any) -> Path:
    """A folder that can be run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_bytes(orjson.dumps(config(**other)))
    (folder / "model.safetensors").write_bytes(packed(tensors()))
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(["can i deduct the bill of the café"] * 4, trainer)
    made.save(str(folder / "tokenizer.json"))
    return folder
