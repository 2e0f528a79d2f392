"""Tests of looking through the library."""
