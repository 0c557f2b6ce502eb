"""What a prediction has to withstand: balls, boxes, budgets, and the steps in front."""
