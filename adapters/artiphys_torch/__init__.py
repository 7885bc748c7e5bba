"""Probe torch networks into the response array."""
