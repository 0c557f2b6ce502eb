"""What a prediction has to withstand."""
