"""Looking up what ids name before they are judged: questions to an API, limits, cache, entries."""
