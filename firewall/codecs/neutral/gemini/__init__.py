"""Gemini generateContent, read into the neutral form and written from it."""
