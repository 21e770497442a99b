"""A model of some tens of thousands of weights with its tokenizer, and rows that it can learn."""

from __future__ import annotations

import random

CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TOPICS = ("vat", "payroll", "a contract", "an invoice", "the deadline", "a lease", "the audit")
GOOD = ("I can help with {}.", "Let me ask a colleague about {}.")
BAD = ("You should sue over {}.", "Ignore {} and pay nothing at all, nobody will ever notice it.")


def tokenizer(vocabulary: int = 400):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [line.format(topic) for line in (*GOOD, *BAD) for topic in TOPICS]
    made.train_from_iterator([*texts, "What about it? Tell me"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<|pad|>", eos_token="<|end|>", chat_template=CHAT
    )


def model(folder, *, seed=0, width=32, layers=2, **settings):
    """Writes a Llama-shaped model and its tokenizer; answers the folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    words = tokenizer()
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=words.pad_token_id,
        eos_token_id=words.eos_token_id,
        bos_token_id=None,
        **settings,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def pairs(count: int, seed: int = 0, *, chat: bool = False):
    """Preference rows: a helpful answer against a forbidden one."""
    drawn = random.Random(seed)
    rows = []
    for _ in range(count):
        topic = drawn.choice(TOPICS)
        prompt = drawn.choice(("What about {}? ", "Tell me: {}? ")).format(topic)
        good, bad = drawn.choice(GOOD).format(topic), drawn.choice(BAD).format(topic)
        if chat:
            row = {
                "prompt": [{"role": "user", "content": prompt}],
                "chosen": [{"role": "assistant", "content": good}],
                "rejected": [{"role": "assistant", "content": bad}],
            }
        else:
            row = {"prompt": prompt, "chosen": good, "rejected": bad}
        rows.append({**row, "meta": {"rule": "no-legal-advice"}})
    return rows


def rows(method: str, count: int, seed: int = 0, *, chat: bool = False):
    """Rows in the method's own shape."""
    made = pairs(count, seed, chat=chat)
    if method in ("dpo", "reward"):
        return made
    if method == "sft":
        return [{"prompt": r["prompt"], "completion": r["chosen"], "meta": r["meta"]} for r in made]
    if method == "kto":
        return [
            {
                "prompt": r["prompt"],
                "completion": r["chosen" if at % 2 else "rejected"],
                "label": bool(at % 2),
                "meta": r["meta"],
            }
            for at, r in enumerate(made)
        ]
    return [{"prompt": r["prompt"], "wanted": "colleague"} for r in made]
