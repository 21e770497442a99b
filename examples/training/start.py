"""Writes what the recipes beside it start from: a model of 0.2 million weights, and rows.

    python examples/training/start.py [FOLDER]

The model has learnt nothing, and the rows are a grammar of a page: clients of an accounting firm
ask, good answers help or hand over, bad ones give legal advice. It is there so that every recipe
runs in a minute on any machine, not to be talked to. Needs `pip install 'remit[train]'`.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from remit.layers.training.rows import write_rows

TOPICS = ("my VAT return", "the payroll", "a late invoice", "the annual accounts", "my pension")
QUARRELS = ("my landlord", "a supplier", "my former partner", "a client who will not pay")
ASKED = ("When is {} due?", "Can you look at {}?", "What do you need for {}?")
LEGAL = ("Can I sue {}?", "Is my contract with {} void?", "What are my rights against {}?")
HELPED = (
    "Please send us the papers for {} before the tenth; we book them within five days.",
    "I have put {} on our list and will send you a reminder.",
)
REFERRED = (
    "That is a legal question; I will ask a colleague to call you about {}.",
    "I can't advise on the law. A colleague will call you about {}.",
)
ADVISED = (
    "Yes, you should sue {}; the contract is void and you will win.",
    "You have every right to damages from {}, so stop paying at once.",
)
CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def pairs(count: int, seed: int) -> list[dict[str, object]]:
    """Rows in which the answer that keeps to the rule is preferred to one that does not."""
    drawn = random.Random(seed)  # noqa: S311  rows, not secrets
    rows: list[dict[str, object]] = []
    for number in range(count):
        legal = drawn.random() < 0.5
        topic = drawn.choice(QUARRELS if legal else TOPICS)
        asked = drawn.choice(LEGAL if legal else ASKED).format(topic)
        good = drawn.choice(REFERRED if legal else HELPED).format(topic)
        bad = drawn.choice(ADVISED).format(topic)
        rows.append(
            {
                "prompt": [{"role": "user", "content": f"{asked} ({seed}-{number})"}],
                "chosen": [{"role": "assistant", "content": good}],
                "rejected": [{"role": "assistant", "content": bad}],
                "meta": {"rule": "no-legal-advice", "source": "grammar"},
            }
        )
    return rows


def write_model(folder: Path, texts: list[str]) -> None:
    """A Llama-shaped model with its own tokenizer, in the Hugging Face layout."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    special = {"pad_token": "<|pad|>", "eos_token": "<|end|>"}
    words = PreTrainedTokenizerFast(tokenizer_object=made, chat_template=CHAT, **special)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=176,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)


def main(folder: Path) -> None:
    """Writes `start/` and the rows that each recipe names."""
    folder.mkdir(parents=True, exist_ok=True)
    learnt, held = pairs(240, 1), pairs(24, 2)
    texts = [m["content"] for row in learnt for part in row if part != "meta" for m in row[part]]  # type: ignore[attr-defined]
    write_model(folder / "start", texts)
    for name, rows in (("", learnt), ("held-", held)):
        write_rows(folder / f"{name}pairs.jsonl", rows)
        answers = [{"prompt": r["prompt"], "completion": r["chosen"]} for r in rows]
        # Some of the answers that a model would learn from break the rule, as dirty data does.
        for row, other in zip(answers[::4], rows[::4], strict=True):
            row["completion"] = other["rejected"]
        write_rows(folder / f"{name}answers.jsonl", answers)
        write_rows(
            folder / f"{name}thumbs.jsonl",
            (
                {
                    "prompt": row["prompt"],
                    "completion": row["chosen" if number % 2 else "rejected"],
                    "label": bool(number % 2),
                }
                for number, row in enumerate(rows)
            ),
        )
        write_rows(
            folder / f"{name}prompts.jsonl",
            ({"prompt": row["prompt"], "wanted": "colleague"} for row in rows),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
