"""What a model does on labelled data: its predictions, figures of them, and pages to look at."""
