"""Does the model observe the rules? Cases, attacks, graders, and rates with honest bounds."""
