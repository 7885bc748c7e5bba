"""What is estimated of each unit: dynamic range, invariance, and how far to trust them."""
