"""Money and tokens: prices, reserving and settling, attribution, reports."""
