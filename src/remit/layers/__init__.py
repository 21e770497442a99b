"""The five enforcement points; none imports another."""
