"""Helpers for the tests of the services. They are not part of any image."""
