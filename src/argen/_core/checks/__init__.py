"""What common artefacts leave in a screen: the arithmetic of the checks."""
