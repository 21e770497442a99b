"""The door for programs: the OpenAI wire format, keys, upstreams, receipts."""
