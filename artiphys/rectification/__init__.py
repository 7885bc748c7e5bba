"""The rectified Gaussian: exact moments, its curve, and its fit to a population."""
