"""The record in a PostgreSQL database (extra `postgres`): several hosts write it at once."""
