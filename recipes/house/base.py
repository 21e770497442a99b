"""The tokenizer and the untaught model: byte-level BPE and a small Llama, made from nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

END = "<|end|>"
SPECIAL = ("<|pad|>", END, "<|system|>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'assistant' %}<|assistant|>{{ message.content }}<|end|>"
    "{% else %}<|{{ message.role }}|>{{ message.content }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Size:
    """A shape: hidden width, layers, heads, inner width, and how many tokens it sees."""

    width: int
    layers: int
    heads: int
    inner: int
    context: int = 256
    vocabulary: int = 2048


SIZES = {
    "tiny": Size(64, 2, 2, 172, 256, 1024),  # 0.16 M parameters, for tests
    "small": Size(128, 4, 4, 344),  # 1.05 M
    "house": Size(192, 4, 4, 512),  # 2.16 M
    "large": Size(256, 6, 4, 688, 384, 4096),  # 5.8 M
}


def tokenizer(texts: Iterable[str], size: Size) -> Any:
    """A byte-level BPE tokenizer learnt from texts, in the Hugging Face shape."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    learnt = Tokenizer(models.BPE())
    learnt.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learnt.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    learnt.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=size.vocabulary,
            special_tokens=list(SPECIAL),
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=learnt, pad_token=SPECIAL[0], eos_token=END, model_max_length=size.context
    )
    fast.chat_template = TEMPLATE
    return fast


def untaught(tokens: Any, size: Size, seed: int, folder: Path) -> None:
    """Writes a model with random weights and its tokenizer, in the Hugging Face layout."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    shape = LlamaConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        intermediate_size=size.inner,
        max_position_embeddings=size.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
    )
    LlamaForCausalLM(shape).save_pretrained(folder)
    tokens.save_pretrained(folder)
