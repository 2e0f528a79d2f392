"""History and index as tables for other programs: row by row, whatever their number."""
