"""Layer 1: keep out of training what the remit forbids."""
