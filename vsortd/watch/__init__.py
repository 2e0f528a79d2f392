"""Watching the inboxes: events as hints, scans as the truth, and the test of readiness for every file."""
