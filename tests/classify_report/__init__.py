"""`make classify-report`: what classification is worth, beside a word list and beside another guard's rules."""
