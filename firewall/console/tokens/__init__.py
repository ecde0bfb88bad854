"""Pages of tokens: who has one, what it could do, when it was used; mint, narrow, revoke."""
