"""What the product does by its own code although a well-kept library does it, beside that library."""
