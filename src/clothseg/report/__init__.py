"""What people look at: progress, tables, figures, logs, and the end of a command."""
