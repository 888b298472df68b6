"""All measured genes: sums over the cells of every perturbation, what is shifted as a whole, what nothing moves."""
