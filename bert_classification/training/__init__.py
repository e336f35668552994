"""What training has beside AllenNLP's trainer, and metrics of several tasks."""
