"""What the official conformance suite is run with: a server with everything, a way in, and how it is called."""
