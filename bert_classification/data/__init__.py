"""From files to records, word pieces, fields and batches."""
