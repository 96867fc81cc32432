"""All SQL and all transactions; the only room that knows SQLAlchemy."""
