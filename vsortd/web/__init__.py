"""The page: what comes in, what it shows, why it went there, and taking it back, in a browser on this machine."""
