"""Figures: each function takes results and draws them; none computes."""
