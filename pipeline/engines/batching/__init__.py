"""What engines that batch requests share: intake, admission, endings, and what follows an error."""
