"""The rooms of the console about providers and routes: how they fare, who is asked first, every load and swap."""
