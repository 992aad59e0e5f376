"""The VelPharma database engine: plain Python over PostgreSQL and Docker, without Pulumi."""

__version__ = "1.0.0"
