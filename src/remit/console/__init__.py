"""The console: is the assistant behaving, what waits for a person, and who may act."""
