"""Access tokens of other issuers, and which grant of ours each stands for."""
