"""The signature of an area: how the invariance of its units goes with their dynamic range."""
