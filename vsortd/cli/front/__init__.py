"""The front of the command line: functions that say what they take, as commands of click."""
