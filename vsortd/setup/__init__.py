"""A config that a person makes or mends: its questions, the check of their answers, trying it, and saving it.

Shared by the dialogue at the terminal and by the page.
"""
