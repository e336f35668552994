"""What masked LM, pre-training and next sentence prediction share."""
