"""Videos of the web: fetched by yt-dlp in a process of its own, kept in a cache, put into an inbox."""
