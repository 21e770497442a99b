"""Layer 3: say to the model, in its own instructions, what the remit asks."""
