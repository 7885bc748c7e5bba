"""What a network is shown: photographs, dead leaves, and the canvases they are laid on."""
