"""OpenAI Chat Completions, read into the neutral form and written from it."""
