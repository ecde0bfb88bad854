"""Agents' sessions: an index of the log by token behind the log, a list of runs, one run as a timeline."""
