"""Layer 4: block, change or hand over what must not pass, whole or streaming."""
