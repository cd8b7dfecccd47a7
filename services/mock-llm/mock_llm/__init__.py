"""A deterministic replacement for a language model, behind the API of OpenAI."""
