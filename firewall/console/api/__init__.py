"""The JSON API of the control side, a file for each part of it, and the desks behind it."""
