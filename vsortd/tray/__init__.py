"""The tray icon: a process of its own that follows the daemon's events and asks it for what the menu offers."""
