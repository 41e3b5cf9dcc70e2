"""What the user wrote (`inventory`) and what it means (`cluster`)."""
