"""Checks of a recording: each one function, which raises, or tells the session a doubt."""
