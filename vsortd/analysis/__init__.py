"""What a video shows and sounds like, told from the plain numbers of one pass over it: shots, pace, quality. Pure."""
