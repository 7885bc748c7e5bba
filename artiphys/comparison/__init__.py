"""A network against a recording, the network seen through the recording's experiment."""
