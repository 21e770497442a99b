"""Layer 2: people and principles train the model, each rule measured before and after."""
