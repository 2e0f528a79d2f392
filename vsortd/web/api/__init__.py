"""The page as an API: what its views do, for scripts. One table makes the routes and their description alike."""
