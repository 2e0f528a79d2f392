"""What videos sound like: the sound model, and windows of sound as its vectors."""
