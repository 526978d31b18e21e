"""What people see of a run: tables and progress, on terminals, in logs and in notebooks."""
