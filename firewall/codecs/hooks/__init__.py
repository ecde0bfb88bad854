"""What agents' hooks say, and what each agent honours as an answer."""
