"""Providers that speak a known dialect in a manner of their own: Azure, Bedrock, Vertex, fixed extra fields."""
