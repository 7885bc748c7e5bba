"""Probing: what the units of a network answer to the stimuli."""
