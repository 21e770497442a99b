"""Layer 5: does the model keep to the remit in production, and what is done when it does not."""
