"""pratique_serving"""
