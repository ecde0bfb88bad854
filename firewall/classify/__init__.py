"""Pure understanding: bytes and text in, actions with effects and evidence out; no clock, no input or output."""
