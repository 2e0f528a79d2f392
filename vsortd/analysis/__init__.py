"""What a video is made of: facts, shots, sound, labels, and what that adds up to."""
