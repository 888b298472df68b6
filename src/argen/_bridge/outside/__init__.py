"""Evidence from outside of the screen: pairs that a network was searched in, annotated and compared."""
