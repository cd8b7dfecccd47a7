"""The chat: a language model that uses the tools of the MCP server on the user's tasks."""
