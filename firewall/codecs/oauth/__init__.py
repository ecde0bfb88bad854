"""OAuth 2.1 as texts and values: signed access tokens, keys, metadata, challenges. Pure."""
