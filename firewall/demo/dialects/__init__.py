"""One module per wire format: reads a request and its rules, renders the answer."""
