"""A deterministic stand-in for a language model, which knows the tools of the to-do list."""
