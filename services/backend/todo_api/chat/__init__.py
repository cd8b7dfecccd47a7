"""The chat: a language model that works on the user's tasks by the tools of the MCP server."""
