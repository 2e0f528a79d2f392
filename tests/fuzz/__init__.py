"""Coverage-guided fuzzing of what reads a stranger's bytes: `.ci/task long`, or `python -m tests.fuzz --help`."""
