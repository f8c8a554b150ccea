"""Real servers, workers and sinks under load and faults from a seed; what they did is judged against the oracle."""
