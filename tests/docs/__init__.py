"""What the pages say of behaviour, tried as the pages say it."""
