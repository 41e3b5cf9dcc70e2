"""What people see and answer: plans, tables, errors, questions. Nothing here contacts a node."""
