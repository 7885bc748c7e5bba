"""Integration: what a unit that sums rectified inputs makes of their invariance."""
