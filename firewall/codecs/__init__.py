"""One module or package per wire format, unaware of each other; bytes in, same bytes out. Pure."""
