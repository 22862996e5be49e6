"""pratique_tracking"""
