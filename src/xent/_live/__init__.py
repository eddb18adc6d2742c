"""Pages whose numbers follow their controls, computed from formulas and from nothing else."""
