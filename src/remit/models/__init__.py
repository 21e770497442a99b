"""Models to talk to: the house model, any OpenAI-compatible address, and Scripted."""
