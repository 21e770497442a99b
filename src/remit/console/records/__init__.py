"""Looking things up in the record, and saying in words what stands there."""
