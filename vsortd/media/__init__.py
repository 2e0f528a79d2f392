"""What is in a video file, its frames, its MP4 form. Untrusted bytes are parsed in child processes only."""
