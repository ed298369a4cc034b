"""Training a network: fit and what runs, measures, stops and shows it."""
