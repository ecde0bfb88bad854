"""What servers say before clients hear of it: made inert, masked, bounded, flagged; lists by grant and pins."""
