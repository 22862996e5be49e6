"""Pratique: the Azure Machine Learning life cycle on your own machines."""

__version__ = "0.1.0"
