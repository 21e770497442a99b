"""The sections, a function each: from what was gathered to blocks. Pure."""
