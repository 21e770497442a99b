"""Builds the house model in public: grammar, tokenizer, stages, figures, with one command."""
