"""What a network rests on: error rates, stability, strength, power."""
