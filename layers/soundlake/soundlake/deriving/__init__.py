"""What Derive does beside observations and plays: gaps, and the certainty of every day."""
