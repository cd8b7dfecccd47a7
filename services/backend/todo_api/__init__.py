"""The tasks of the Todo application over HTTP."""
