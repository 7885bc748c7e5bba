"""Pospisil & Bair (2019): their Table 1, test of compensation and theory, on an AlexNet."""
