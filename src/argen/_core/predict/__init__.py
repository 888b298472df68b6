"""What a network predicts for perturbations, seen or not: effects, errors, paths."""
