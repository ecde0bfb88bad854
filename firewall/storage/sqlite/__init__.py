"""SQLite, the default: one file for log, approvals, tokens and ledger, one writer."""
