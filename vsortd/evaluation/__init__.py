"""How well the rules judge: labelled videos through the real pipeline, and arithmetic over what was seen of them."""
