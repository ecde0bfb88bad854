"""Web Push: what a push service and a browser read; bytes in, bytes out."""
