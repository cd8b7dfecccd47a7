"""The tasks of the Todo application as tools of the Model Context Protocol."""
