"""Does this text break a rule? One file a kind; the registry; a test kit for plug-in authors."""
