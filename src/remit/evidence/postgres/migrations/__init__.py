"""Alembic's folder: the steps from one version of the PostgreSQL tables to the next."""
