"""Small faults put into the core one at a time, to see which the tests notice: `.ci/task mutants`."""
