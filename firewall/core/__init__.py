"""Pure values and rules: no clock, no randomness, no logging, no input or output."""
