"""What a target's credential may do beyond its purpose, as far as its provider tells."""
