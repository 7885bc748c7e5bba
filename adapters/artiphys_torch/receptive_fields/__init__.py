"""Receptive fields, measured, and the connections that make them."""
