"""What requests name, and reading what an API says about it: data files, questions, answers, facts."""
