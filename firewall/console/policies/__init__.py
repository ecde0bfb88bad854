"""The room of the console about policies: rows, how often each decided, and what a text would come to."""
