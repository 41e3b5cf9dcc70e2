"""What a command checks, reports and secures before it changes anything."""
